"""The pages of the web UI: what they list, and where their links and forms lead."""

from __future__ import annotations

import re

import pytest
from in_process import Browser

from grid_datastores.domain.model import Source, SourceKind, User, Version, WorkloadKind
from grid_datastores.service import Service
from grid_datastores.storage import Manifest

SESSION, RUN = WorkloadKind.SESSION, WorkloadKind.RUN
PAGE = "/datastores/data/versions/1"


def _version(service: Service, ana: User, name: str = "data") -> Version:
    begun = service.uploads.begin(ana, name, Source(SourceKind.FILES, "data"))
    return service.uploads.publish(ana, begun.id, Manifest.of([]))


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    """Version 1 of `data`."""
    return _version(service, ana)


def _rows(page: str) -> dict[str, str]:
    """The rows of tables, by the text of their first cell."""
    rows = re.findall(r'<tr role="row" id.*?</tr>', page, re.DOTALL)
    return {re.sub(r"<[^>]*>", "", row.split("</th>")[0]).strip(): row for row in rows}


@pytest.mark.proves("page-of-sessions-and-runs")
def test_the_page_of_workloads_lists_them_with_what_they_mount(
    service: Service, ana: User, browser: Browser, version: Version
) -> None:
    service.workloads.start(ana, SESSION, "tuning", {version.id: "/srv/a"})
    service.workloads.start(ana, RUN, "nightly", {version.id: "/srv/b"})
    sessions, runs = browser.get("/workloads").split('<h2 id="runs">')
    for part, name, path in ((sessions, "tuning", "/srv/a"), (runs, "nightly", "/srv/b")):
        [(listed, row)] = _rows(part).items()
        assert listed == name
        assert f'<a href="{PAGE}">version 1 of data</a> <span class="quiet">at {path}</span>' in row
    assert '<a href="/workloads"' in browser.get("/")


@pytest.mark.proves("session-from-its-page")
def test_a_session_with_any_version_is_started_paused_resumed_and_ended(
    service: Service, ana: User, browser: Browser, version: Version
) -> None:
    """From the page of Sessions and Runs, by its links and buttons alone."""
    other = _version(service, ana, "other")
    assert '<a class="button main" href="/workloads/start">' in browser.get("/workloads")
    form = browser.get("/workloads/start")
    offered = dict(re.findall(r'<option value="(\w+)">(.+)</option>', form))
    assert offered == {version.id: "data version 1", other.id: "other version 1"}
    made = browser.press("/workloads/start", kind="session", name="tuning", version=other.id)
    assert made.headers["location"] == "/workloads"
    [session] = service.workloads.list(ana, SESSION)
    assert [mount.ref for mount in session.mounts] == [other.ref]
    for word, state in (("pause", "paused"), ("resume", "running")):
        action = f"/workloads/session/{session.id}/{word}"
        assert f'action="{action}"' in browser.get("/workloads")
        browser.press(action)
        assert service.workloads.get(ana, SESSION, session.id).state == state
        assert service.reading.details(ana, other.id).holders
    action = f"/workloads/session/{session.id}/delete"
    assert f'href="{action}?back=/workloads"' in browser.get("/workloads")
    assert f'action="{action}"' in browser.get(action)
    assert service.reading.details(ana, other.id).holders
    browser.press(action)
    assert not service.reading.details(ana, other.id).holders


@pytest.mark.proves("mount-it-opens-a-form")
@pytest.mark.parametrize("kind", WorkloadKind)
def test_the_page_of_a_version_leads_to_a_form_that_mounts_it(
    service: Service, ana: User, browser: Browser, version: Version, kind: WorkloadKind
) -> None:
    [address] = re.findall(r'href="([^"]+)">Mount it</a>', browser.get(PAGE))
    form = browser.get(address.replace("&amp;", "&"))
    assert '<form class="card fields" method="post" action="/workloads/start">' in form
    assert f'<option value="{version.id}" selected>' in form
    value = kind.lower()
    assert f'type="radio" id="{value}" name="kind" value="{value}"' in form
    browser.press("/workloads/start", kind=value, name="mine", version=version.id)
    [started] = service.workloads.list(ana, kind)
    assert [mount.version_id for mount in started.mounts] == [version.id]


@pytest.mark.proves("page-lists-who-uses-the-version")
def test_the_page_of_a_version_lists_its_users_and_leads_to_where_each_is_ended(
    service: Service, ana: User, browser: Browser, version: Version
) -> None:
    started = [service.workloads.start(ana, kind, f"my-{kind.lower()}", {version.id: ""}) for kind in WorkloadKind]
    service.workloads.start(ana, SESSION, "exploring", {_version(service, ana).id: ""})
    page = browser.get(PAGE)
    listed = re.findall(r'<li><a href="/workloads\?of=(\w+)#\1">([^<]+)</a>', page)
    assert sorted(listed) == sorted((item.id, f"{item.kind} {item.name}") for item in started)
    place = browser.get("/workloads")
    for item, word in zip(started, ("delete", "cancel"), strict=True):
        row = place.split(f'id="{item.id}"')[1].split("</tr>")[0]
        action = f"/workloads/{item.kind.lower()}/{item.id}/{word}"
        assert f'href="{action}?back=/workloads"' in row
        assert f'action="{action}"' in browser.get(action)
        browser.press(action)
    assert service.reading.details(ana, version.id).holders == ()
    assert 'href="/workloads?of=' not in browser.get(PAGE)


@pytest.mark.proves("pages-take-the-same-name-and-key")
def test_a_person_signs_in_with_name_and_key(service: Service) -> None:
    """Those of the command line and of the API."""
    user, key = service.accounts.add("ben")
    somebody = Browser(service)
    address = somebody.send("GET", "/").headers["location"]
    assert address.startswith("/sign-in")
    assert 'name="name"' in somebody.get(address)
    assert 'name="key"' in somebody.get(address)
    assert somebody.press("/sign-in", name="ben", key="another").status_code == 401
    taken = somebody.press("/sign-in", name="ben", key=key)
    assert (taken.status_code, taken.headers["location"]) == (303, "/")
    assert somebody.send("GET", "/v1/core/local/datastores", auth=("ben", key)).status_code == 200
    assert ">Datastores</h1>" in Browser(service, user).get("/")


def test_two_files_with_the_same_path_are_named_before_a_number_is_taken(browser: Browser) -> None:
    """A folder and a file beside it can have a file of the same name."""
    files = [("folder", ("birds/a.csv", b"1")), ("folder", ("birds/b.csv", b"1")), ("files", ("a.csv", b"2"))]
    refused = browser.send("POST", "/upload", data={"name": "data"}, files=files)
    assert refused.status_code == 400
    assert "Two files have the same path: a.csv. Nothing was stored." in refused.text
    made = browser.send("POST", "/upload", data={"name": "data"}, files=files[:2])
    assert made.headers["location"] == "/datastores/data/versions/1"


def test_a_refusal_marks_its_times_and_nothing_else(service: Service, ana: User, browser: Browser) -> None:
    """A script then shows the times in the reader's zone. Text of users stays text."""
    version = _version(service, ana)
    service.deletion.delete(ana, version.id)
    page = browser.send("GET", f"{PAGE}/delete").text
    at = service.reading.details(ana, version.id).version.deleted_at
    assert at
    said = f'<time datetime="{at:%Y-%m-%dT%H:%M:%S}+00:00">{at:%Y-%m-%d %H:%M:%S} UTC</time>'
    assert f"was already deleted on {said} by ana" in page
    hostile = browser.send("GET", "/%3Cb%3E%2F2026-01-02 03:04:05 UTC<script>").text
    assert "/&lt;b&gt;/<time" in hostile
    assert "UTC</time>&lt;script&gt;" in hostile


def test_the_question_says_that_what_arrived_of_an_unfinished_version_is_erased(
    service: Service, ana: User, browser: Browser, version: Version
) -> None:
    """An unfinished version has no counts yet, so the page would say that nothing is in it."""
    service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    said = "are finished. What has arrived so far is erased, too."
    assert f"0 files, 0 bytes {said}" in browser.get("/datastores/data/versions/2/delete")
    assert said not in browser.get(f"{PAGE}/delete")
