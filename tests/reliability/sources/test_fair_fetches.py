"""However many users fetch from sources that send a byte now and then, everybody's fetches have their turn."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acceptance.waiting import wait_until
from grid_datastores.domain.model import Phase, Source, SourceKind, User
from grid_datastores.server import serve
from grid_datastores.service import Service, open_service, turns
from grid_datastores.service.run_locks import RunLocks
from grid_datastores.settings import Limits, Settings
from reliability.sources.archive_server import ArchiveServer, Handler
from reliability.sources.slow import Slow

MANY = turns.MAX_FETCHES + 2  # users


class People:
    """Users of a server with all its workers, in this process, where a turn is short."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.users: dict[str, User] = {}

    def fetch(self, name: str, datastore: str, address: str) -> str:
        """Begin a fetch as this user, a new one if need be; its id."""
        if name not in self.users:
            self.users[name] = self.service.accounts.add(name)[0]
        source = Source(SourceKind.ARCHIVE, address)
        return self.service.uploads.fetch(self.users[name], datastore, source).id

    def phase(self, version: str) -> Phase:
        with self.service.context.catalog.read() as tx:
            found = tx.versions.get(version)
        assert found
        return found.phase


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[People]:
    monkeypatch.setattr(turns, "TURN", 0.3)
    monkeypatch.setattr(turns, "JUDGE_INTERVAL", 0)
    monkeypatch.setattr("grid_datastores.service.cancellation._POLL_INTERVAL", 0)
    workers: list[serve.Worker] = []
    limits = Limits(allowed_hosts=("127.0.0.1",))
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", limits)
    service = open_service(settings, lambda: serve._wake(workers))
    workers += serve._workers(service, RunLocks(tmp_path / "data" / "runs"), 60)
    for worker in workers:
        worker.start()
    yield People(service)
    service.finishing.stop()
    serve._stop(workers)
    service.close()


@pytest.fixture
def slow(web: ArchiveServer) -> Slow:
    return Slow(web)


def _archive(web: ArchiveServer, path: str) -> str:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", b"hello")
    return web.serve(path, made.getvalue())


def _is_in(people: People, version: str, phase: Phase) -> Callable[[], bool]:
    return lambda: people.phase(version) is phase


@pytest.mark.proves("slow-fetch-gives-way")
def test_three_users_with_two_dripping_sources_each_do_not_stop_anothers_fetch(people: People, slow: Slow) -> None:
    users = ("dan", "eve", "finn")
    drips = [people.fetch(user, f"drip{n}", slow.drip(f"/{user}{n}.zip")) for user in users for n in range(2)]
    wait_until(lambda: len(slow.asked()) >= turns.MAX_FETCHES, "all places are taken")
    fetch = people.fetch("ana", "fast", _archive(slow.web, "/fast.zip"))
    wait_until(_is_in(people, fetch, Phase.AVAILABLE), "it is fetched")
    assert {people.phase(version) for version in drips} == {Phase.FETCHING}


def _drip_once(slow: Slow, path: str) -> str:
    """A source that drips when it is asked first, and then sends a sound archive; its URL."""
    url = slow.drip(path)
    drip = slow.web.answers[path]

    def answer(handler: Handler) -> None:
        _archive(slow.web, path)
        drip(handler)

    slow.web.answers[path] = answer
    return url


@pytest.mark.proves("put-back-fetch-arrives")
def test_a_fetch_that_was_put_back_has_another_turn(people: People, slow: Slow) -> None:
    drips = {f"/{n}.zip": people.fetch(f"eve{n}", "drip", _drip_once(slow, f"/{n}.zip")) for n in range(MANY)}
    wait_until(lambda: slow.left, "one was put back")
    for path in tuple(slow.left):
        wait_until(_is_in(people, drips[path], Phase.AVAILABLE), "it is fetched")


@pytest.mark.proves("slow-fetch-alone-keeps-its-place")
def test_nobody_is_put_back_while_nobody_else_waits(people: People, slow: Slow) -> None:
    for number in range(4):
        people.fetch("eve", f"drip{number}", slow.drip(f"/{number}.zip"))
    bea = people.fetch("bea", "drip", slow.drip("/bea.zip"))
    for number in range(3):
        fetch = people.fetch("ana", "fast", _archive(slow.web, f"/fast{number}.zip"))
        wait_until(_is_in(people, fetch, Phase.AVAILABLE), "it is fetched")
    assert slow.left == set()
    assert people.phase(bea) is Phase.FETCHING
