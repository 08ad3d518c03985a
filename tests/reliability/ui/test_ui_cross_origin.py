"""Forms that pages of other sites send in the name of somebody who is signed in (CSRF), from a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from acceptance.server import ServerProcess
from reliability.nonsense import Nonsense, serving
from reliability.ui.person import Person

SAID = "This form was not sent from a page of this server, so nothing was done. Open {} and repeat it there."


@pytest.fixture
def evil() -> Iterator[Nonsense]:
    """A site of somebody else, at another port of this machine."""
    with serving() as site:
        site.headers = {"Content-Type": "text/html"}
        yield site


def _form(action: str, **fields: str) -> str:
    """A page that sends a form as soon as it is open."""
    inputs = "".join(f'<input name="{name}" value="{escape(value)}">' for name, value in fields.items())
    form = f'<form method="post" action="{action}" target="_top">{inputs}</form>'
    return f"{form}<script>document.forms[0].submit()</script>"


def _at_another_port(page: Page, evil: Nonsense, form: str) -> None:
    """Of the same site, so that the browser sends the cookie along."""
    evil.body = form.encode()
    page.goto(evil.url)


def _at_another_site(page: Page, evil: Nonsense, form: str) -> None:
    evil.body = form.encode()
    page.goto(evil.url.replace("127.0.0.1", "localhost"))


def _in_a_sandbox(page: Page, evil: Nonsense, form: str) -> None:
    """Its origin is null."""
    allowed = "allow-scripts allow-forms allow-top-navigation"
    evil.body = f'<iframe sandbox="{allowed}" srcdoc="{escape(form)}"></iframe>'.encode()
    page.goto(evil.url)


def _in_a_data_url(page: Page, _evil: Nonsense, form: str) -> None:
    """Its origin is null, too."""
    page.goto(f"data:text/html,{quote(form)}")


@pytest.mark.parametrize("send", [_at_another_port, _at_another_site, _in_a_sandbox, _in_a_data_url])
def test_a_form_of_another_origin_deletes_nothing(
    open_page: Callable[..., Page],
    shared_server: ServerProcess,
    ana: Person,
    evil: Nonsense,
    send: Callable[[Page, Nonsense, str], None],
) -> None:
    before = ana.api.state()
    page, target = open_page(), f"{shared_server.url}/datastores/data/versions/1/delete"
    page.goto("/")  # she is signed in
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()

    send(page, evil, _form(target))

    page.wait_for_url(target)
    expect(page.get_by_role("alert")).to_have_text(SAID.format(shared_server.url))
    assert ana.api.state() == before


def test_a_form_of_another_origin_signs_nobody_in(
    open_page: Callable[..., Page], shared_server: ServerProcess, ana: Person, ben: Person, evil: Nonsense
) -> None:
    """Else what ana uploads next would be ben's to read."""
    page, target = open_page(), f"{shared_server.url}/sign-in"

    _at_another_port(page, evil, _form(target, name=ben.user.user_id, key=ben.user.api_key))

    page.wait_for_url(target)
    expect(page.get_by_role("alert")).to_have_text(SAID.format(shared_server.url))
    page.goto("/")
    expect(page.locator(".who")).to_have_attribute("title", re.compile("^ana-"))
