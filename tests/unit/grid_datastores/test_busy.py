"""A change that waits for another one: it is refused after a while, nothing is done twice, and nobody else waits."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Coroutine, Iterator
from contextlib import closing, contextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from in_process import MOUNT, Browser, Terminal, answering
from manual_clock import Clock

from grid_datastores.catalog.facts import LEASE_CLOCK
from grid_datastores.domain.errors import Busy, OutcomeUnknown, Refusal, Unreachable
from grid_datastores.domain.model import Source, SourceKind, User, WorkloadKind
from grid_datastores.gateway import connection, repeating
from grid_datastores.gateway.connection import Connection
from grid_datastores.server.app import create_app
from grid_datastores.server.ui.web_session import COOKIE
from grid_datastores.server.writers import MAX_THREADS, WriterRoute
from grid_datastores.service import Service
from grid_datastores.service.finishing import UPLOADED_KINDS
from grid_datastores.service.uploads import CompletedObject

WRITERS = MAX_THREADS + 20
SESSIONS = "/v1/core/sessions"


@contextmanager
def stuck(catalog: Path) -> Iterator[sqlite3.Connection]:
    """Another process that changes the catalog and does not end the change."""
    other = sqlite3.connect(catalog, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Busy, "TIMEOUT", 0)


class Clients:
    """Many clients of one server, in one process."""

    def __init__(self, service: Service) -> None:
        user, key = service.accounts.add("ben")
        cookies = {COOKIE: service.accounts.new_token(user)}
        transport = httpx.ASGITransport(create_app(service))
        address = "http://localhost"
        self._http = httpx.AsyncClient(transport=transport, base_url=address, auth=("ben", key), cookies=cookies)

    def read(self, path: str) -> Coroutine[Any, Any, httpx.Response]:
        return self._http.get(path)

    def start_sessions(self) -> list[asyncio.Task[httpx.Response]]:
        """Start many Sessions at once."""
        requests = (self._http.post(SESSIONS, json={"name": f"s{n}"}) for n in range(WRITERS))
        return [asyncio.create_task(request) for request in requests]


# The server


@pytest.mark.proves("readers-wait-for-no-change")
def test_readers_do_not_wait_while_many_changes_wait(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Busy, "TIMEOUT", 60)
    clients, threads = Clients(service), threading.active_count()

    async def read_while_changes_wait(other: sqlite3.Connection) -> None:
        changes = clients.start_sessions()
        while threading.active_count() < threads + MAX_THREADS:  # as many as can wait in threads
            await asyncio.sleep(0.01)
        for path in ("/", "/workloads", SESSIONS, "/v1/auth/user", "/v1/core/local/datastores"):
            answer = await asyncio.wait_for(clients.read(path), 20)
            assert answer.status_code == 200
        assert not any(change.done() for change in changes)
        other.rollback()
        assert {answer.status_code for answer in await asyncio.gather(*changes)} == {200}
        assert len((await clients.read(SESSIONS)).json()["sessions"]) == WRITERS

    with stuck(service.context.catalog._path) as other:
        asyncio.run(read_while_changes_wait(other))


def test_every_request_that_changes_something_has_a_thread_for_changes(service: Service) -> None:
    changing = [
        route
        for route in create_app(service).routes
        if isinstance(route, APIRoute) and route.methods - {"GET", "HEAD"} and not iscoroutinefunction(route.endpoint)
    ]
    assert len(changing) > 20
    assert [route.path for route in changing if not isinstance(route, WriterRoute)] == []


@pytest.mark.proves("changes-are-refused-as-busy")
@pytest.mark.usefixtures("impatient")
def test_changes_that_waited_too_long_are_refused(service: Service) -> None:
    clients = Clients(service)

    async def change() -> list[httpx.Response]:
        return await asyncio.gather(*clients.start_sessions())

    with stuck(service.context.catalog._path):
        answers = asyncio.run(change())
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {str(Busy.RETRY_AFTER)}
    assert {answer.json()["details"][0]["reason"] for answer in answers} == {"BUSY"}
    assert "so this change was not made" in answers[0].json()["message"]

    async def listed() -> Any:
        return (await clients.read(SESSIONS)).json()["sessions"]

    assert asyncio.run(listed()) == []


@pytest.mark.usefixtures("impatient")
def test_a_change_waits_for_the_others_of_its_own_process_no_longer(service: Service, ana: User) -> None:
    with (
        service.context.catalog.write(),
        pytest.raises(Busy, match="Other changes did not end within 0 seconds, so this change was not made"),
    ):
        service.workloads.start(ana, WorkloadKind.SESSION, "s", {})
    service.workloads.start(ana, WorkloadKind.SESSION, "s", {})


@pytest.mark.usefixtures("impatient")
def test_a_page_says_that_the_server_is_busy_and_when_to_try_again(service: Service, ana: User) -> None:
    browser = Browser(service)  # signed in by its cookie
    version = service.uploads.begin(ana, "data", Source(SourceKind.FILES, ""))
    headers = {"cookie": f"{COOKIE}={service.accounts.new_token(ana)}"}
    with stuck(service.context.catalog._path):
        page = browser.send("GET", "/datastores/data", headers=headers)
        answer = browser.send("POST", f"/datastores/data/versions/{version.ref.number}/delete", headers=headers)
    assert page.status_code == 200
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == str(Busy.RETRY_AFTER)
    assert "so this change was not made. Try again in a few seconds." in answer.text


@pytest.mark.usefixtures("impatient")
def test_an_upload_that_could_not_be_finished_for_other_changes_is_finished_later(service: Service, ana: User) -> None:
    version = service.uploads.begin(ana, "data", Source(SourceKind.FILES, ""))
    [upload] = service.uploads.announce(ana, version.id, {"a": 1})
    with service.uploads.part(upload.id, 1) as part:
        part.write(b"1")
    etag = service.uploads.stored_parts(version.id, [upload])[upload.id, 1]
    service.uploads.complete_objects(ana, version.id, [CompletedObject("a", upload.id, {1: etag})])
    service.uploads.complete(ana, version.id)
    with stuck(service.context.catalog._path), pytest.raises(Busy):
        service.finishing.finish_waiting(UPLOADED_KINDS)
    service.finishing.finish_waiting(UPLOADED_KINDS)
    assert service.reading.get(ana, version.id).phase == "available"


def test_the_bytes_of_an_upload_wait_for_no_other_change(
    service: Service, ana: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are received in the threads of those who read. The next bytes record that the upload is active."""
    monkeypatch.setattr(Busy, "TIMEOUT", 60)
    version = service.uploads.begin(ana, "data", Source(SourceKind.FILES, ""))
    activity = service.uploads.activity(ana, version.id)
    clock.go(0.9 * clock.expiry)
    with stuck(service.context.catalog._path):
        receiving = threading.Thread(target=activity.record, daemon=True)
        receiving.start()
        receiving.join(20)
        assert not receiving.is_alive()
    activity.record()
    with service.context.catalog.read() as tx:
        assert tx.versions.active_at(version.id) == clock()


# Commands without a server


@pytest.mark.usefixtures("impatient")
def test_a_command_says_that_another_process_changes_the_catalog(terminal: Terminal) -> None:
    terminal.create({"a": b"1"})
    catalog = terminal.home / ".grid" / "data" / "catalog.sqlite"
    with closing(sqlite3.connect(catalog, isolation_level=None)) as other:  # as after a restart of the machine
        other.execute("UPDATE settings SET value = json_set(value, '$.boot', 'before') WHERE key = ?", [LEASE_CLOCK])
    with stuck(catalog):
        answer = terminal.type("session", "create", "tuning", *MOUNT)
        assert "data" in terminal.done("datastore")
        assert terminal.done("session") == terminal.done("session", "list")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == (
        "Error: Other changes did not end within 0 seconds, so this change was not made. Try again in a few seconds.\n"
    )
    assert terminal.json("session") == []


# A client of a busy server


DETAIL = {"reason": "BUSY", "message": "It is busy."}
BUSY = (503, {"Retry-After": "0"}, {"code": 14, "message": "It is busy.", "details": [DETAIL]})
BY_A_PROXY = (503, {"Retry-After": "0"}, "The server is restarting.")
DONE = (200, {}, {"done": True})


def asked(method: str, *answers: tuple[int, dict[str, str], object]) -> tuple[object, list[str]]:
    """What a request comes to, and the requests that the server got."""
    with answering(answers) as (url, requests):
        client = Connection(url, ("ana", "key"))
        try:
            answer: object = client.call(method, "/v1/core/local/datastores/1")
        except Refusal as refusal:
            answer = refusal
        finally:
            client.close()
    return answer, [request.partition(" ")[0] for request in requests]


@pytest.mark.proves("a-busy-server-is-asked-again")
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_a_request_is_repeated_until_a_busy_server_takes_it(method: str) -> None:
    assert asked(method, BUSY, BUSY, DONE) == ({"done": True}, [method] * 3)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_a_change_is_not_repeated_if_it_may_have_been_made(method: str) -> None:
    refusal, requests = asked(method, BY_A_PROXY, DONE)
    assert isinstance(refusal, Unreachable)
    assert "It is unknown whether the change was made." in refusal.message
    assert requests == [method]
    assert asked("GET", BY_A_PROXY, DONE) == ({"done": True}, ["GET", "GET"])


@pytest.mark.parametrize("after", ["", "soon", "-1", "9999", "²"])
def test_a_request_is_not_repeated_without_a_sensible_time(after: str) -> None:
    headers = {"Retry-After": after.encode().decode("latin-1")} if after else {}
    refusal, requests = asked("GET", (503, headers, BUSY[2]), DONE)
    assert isinstance(refusal, Busy)
    assert requests == ["GET"]


@pytest.mark.proves("a-busy-server-is-asked-again")
def test_a_request_is_repeated_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_TIME", 0.05)
    refusal, requests = asked("DELETE", BUSY)
    assert (type(refusal), str(refusal)) == (Busy, "It is busy.")
    assert set(requests) == {"DELETE"}


def test_a_file_and_a_part_are_repeated_too() -> None:
    with answering([BUSY, DONE, BUSY, DONE, BUSY, (200, {"ETag": "1"}, "")]) as (url, requests):
        client = Connection(url, ("ana", "key"))
        assert json.loads(b"".join(client.stream("/manifest"))) == DONE[2]
        assert json.loads(client.read("/manifest")) == DONE[2]
        assert client.put_part(f"{url}/part", b"1") == "1"
        client.close()
    assert requests == ["GET /manifest"] * 4 + ["PUT /part"] * 2


def test_ctrl_c_while_a_busy_server_is_asked_again_leaves_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(repeating.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt) as raised:
        asked("DELETE", BUSY, DONE)
    assert not isinstance(raised.value, OutcomeUnknown)
