"""The pages that end a Session or Run: what they say before, whom they end, and where they lead."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from in_process import Browser

from grid_datastores.domain.model import Source, SourceKind, User, Version, Workload, WorkloadKind, WorkloadState
from grid_datastores.service import Service
from grid_datastores.storage import Manifest

SESSION, RUN = WorkloadKind.SESSION, WorkloadKind.RUN
ASKS = "/datastores/data/versions/1/delete"


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    """Version 1 of `data`."""
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    return service.uploads.publish(ana, begun.id, Manifest.of([]))


def _words(page: str) -> str:
    """The text of the page's main part."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.partition("<main")[2]).split())


def _buttons(page: str) -> list[str]:
    return re.findall(r"<button[^>]*>([^<]*)</button>", page.partition("<main")[2])


def _states(service: Service, ana: User) -> dict[str, WorkloadState]:
    return {item.name: item.state for kind in WorkloadKind for item in service.workloads.list(ana, kind)}


@pytest.fixture
def started(service: Service, ana: User, version: Version) -> dict[str, Workload]:
    """A Session and two Runs that mount the version, by their names."""
    named = (("tuning", SESSION), ("train", RUN), ("nightly", RUN))
    return {name: service.workloads.start(ana, kind, name, {version.id: ""}) for name, kind in named}


@pytest.mark.proves("ending-asks-first")
@pytest.mark.parametrize(
    ("name", "button", "lost"),
    [
        ("tuning", "End Session tuning", "and you cannot resume it"),
        ("train", "Cancel Run train", "The command is not stopped"),
    ],
)
def test_the_refusal_leads_to_a_page_that_asks_and_back(
    service: Service,
    ana: User,
    browser: Browser,
    started: dict[str, Workload],
    name: str,
    button: str,
    lost: str,
) -> None:
    refusal = browser.get(ASKS)
    assert _buttons(refusal) == []
    [address] = re.findall(rf'<a class="button" href="([^"]+)">{button}…</a>', refusal)
    asking = browser.get(address)
    assert _buttons(asking) == [button]
    assert lost in _words(asking)
    assert '<a href="/datastores/data/versions/1">version 1 of data</a>' in asking
    assert "Still in use by" in _words(asking)
    assert f'<a class="button" href="{ASKS}">Keep it</a>' in asking
    assert all(state.live for state in _states(service, ana).values()), "to ask ends nothing"
    [(action, back)] = re.findall(r'action="([^"]+)">\s*<input type="hidden" name="back" value="([^"]+)">', asking)
    answer = browser.press(action, back=back)
    ended = started.pop(name)
    assert answer.headers["location"] == f"{ASKS}?ended={ended.id}"
    assert f"{ended.kind} {name}" in _words(browser.get(answer.headers["location"])).partition("In use by")[0]
    assert {other: _states(service, ana)[other] for other in started} == dict.fromkeys(started, WorkloadState.RUNNING)
    assert service.workloads.ended(ana, ended.id) is not None


def test_the_last_one_is_said_to_free_the_version(
    service: Service, ana: User, browser: Browser, version: Version
) -> None:
    session = service.workloads.start(ana, SESSION, "tuning", {version.id: ""})
    service.workloads.set_state(ana, SESSION, session.id, WorkloadState.PAUSED)
    asking = _words(browser.get(f"/workloads/session/{session.id}/delete"))
    assert "paused since 2026-01-01 00:00:00 UTC" in asking
    assert "Then nothing uses it, and you can delete it." in asking
    back = browser.press(f"/workloads/session/{session.id}/delete", back=ASKS).headers["location"]
    page = browser.get(back)
    at = '<time datetime="2026-01-01T00:00:00+00:00">2026-01-01 00:00:00 UTC</time>'
    assert f"Session tuning ended at {at}. It no longer holds version 1 of data." in page
    assert "Delete version 1 of data?" in _words(page)


def test_a_run_that_has_ended_is_deleted_from_the_list(
    service: Service, ana: User, browser: Browser, started: dict[str, Workload]
) -> None:
    run = started["train"]
    live = browser.get(f"/workloads/run/{run.id}/delete")
    assert _buttons(live) == ["Cancel Run train"], "it still runs"
    service.workloads.set_state(ana, RUN, run.id, WorkloadState.SUCCEEDED)
    [link] = re.findall(rf'href="(/workloads/run/{run.id}/[^"]+)">Delete…', browser.get("/workloads"))
    asking = browser.get(link)
    assert _buttons(asking) == ["Delete Run train"]
    assert "It has ended, and it holds nothing." in _words(asking)
    assert browser.press(f"/workloads/run/{run.id}/delete").headers["location"] == f"/workloads?ended={run.id}"
    assert "Run train was deleted at" in _words(browser.get(f"/workloads?ended={run.id}"))
    assert "train" not in _states(service, ana)


@pytest.mark.parametrize("pressed", [True, False], ids=["after the button", "after the link"])
def test_one_that_has_ended_meanwhile_is_said_to_have_ended(
    service: Service, ana: User, browser: Browser, started: dict[str, Workload], *, pressed: bool
) -> None:
    tuning, train = started["tuning"], started["train"]
    service.workloads.set_state(ana, SESSION, tuning.id, WorkloadState.DELETED)
    service.workloads.set_state(ana, RUN, train.id, WorkloadState.FAILED)
    for item, action, line in (
        (tuning, f"/workloads/session/{tuning.id}/delete", "Session tuning ended at"),
        (train, f"/workloads/run/{train.id}/cancel", "Run train had already failed at"),
    ):
        answer = browser.press(action, back=ASKS) if pressed else browser.send("GET", f"{action}?back={ASKS}")
        assert answer.headers["location"] == f"{ASKS}?ended={item.id}"
        assert line in _words(browser.get(answer.headers["location"]))
    assert _states(service, ana)["train"] is WorkloadState.FAILED


def test_the_line_speaks_only_of_ones_own_that_have_ended(
    service: Service, ana: User, browser: Browser, started: dict[str, Workload]
) -> None:
    ben, _key = service.accounts.add("ben")
    service.workloads.set_state(ana, SESSION, started["tuning"].id, WorkloadState.DELETED)
    for who, ended in ((browser, started["train"].id), (browser, "<b>"), (Browser(service, ben), started["tuning"].id)):
        assert 'role="status"' not in who.get(f"/workloads?ended={quote(ended)}")
    assert Browser(service, ben).send("GET", f"/workloads/run/{started['train'].id}/cancel").status_code == 404
    assert Browser(service, ben).press(f"/workloads/run/{started['train'].id}/cancel").status_code == 404


def test_the_page_to_go_back_to_keeps_its_query(browser: Browser, started: dict[str, Workload]) -> None:
    run = started["train"]
    answer = browser.press(f"/workloads/run/{run.id}/cancel", back="/workloads?page=2&ended=x")
    assert answer.headers["location"] == f"/workloads?page=2&ended={run.id}"


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_no_other_site_is_gone_back_to(browser: Browser, started: dict[str, Workload], back: str) -> None:
    run = started["train"]
    answer = browser.press(f"/workloads/run/{run.id}/cancel", back=back)
    assert answer.headers["location"] == f"/workloads?ended={run.id}"


@pytest.mark.parametrize("path", ["session/X/cancel", "job/X/delete", "job/X/cancel"])
def test_what_cannot_be_done_is_not_done(
    service: Service, ana: User, browser: Browser, started: dict[str, Workload], path: str
) -> None:
    address = f"/workloads/{path.replace('X', started['tuning'].id)}"
    assert browser.send("GET", address).status_code == browser.press(address).status_code == 404
    assert all(state.live for state in _states(service, ana).values())
