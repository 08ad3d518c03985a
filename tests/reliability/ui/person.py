"""Somebody who speaks to the pages without a browser, to send what a browser never would."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httpx

from acceptance.server import Credentials, ServerProcess, trusted
from acceptance.surfaces.api import ApiSurface


@dataclass
class Person:
    """A signed-in user: their pages, and the API beside them for set-up."""

    http: httpx.Client
    api: ApiSurface
    user: Credentials

    def form_token(self, path: str = "/") -> str:
        """The token that the forms of a page carry."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.http.get(path).text)
        assert found
        return found[1]

    def press(self, path: str, /, **fields: str) -> httpx.Response:
        """Send a form as its page would."""
        return self.http.post(path, data={"csrf": self.form_token(), **fields})


def sign_in(server: ServerProcess, name: str) -> Person:
    """A new user at the pages."""
    user = server.add_user(name)
    http = httpx.Client(base_url=server.url, timeout=30, verify=trusted())
    answer = http.post("/sign-in", data={"name": user.user_id, "key": user.api_key})
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    return Person(http, ApiSurface(server.url, user, None), user)


def alert(answer: httpx.Response) -> str:
    """What the page of a refusal says, as text."""
    from lxml import html

    [found] = html.fromstring(answer.text).xpath("//*[@role='alert']")
    return " ".join(found.text_content().split())
