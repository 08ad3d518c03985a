"""A deletion goes through the code as the page for contributors says."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest
from in_process import ADDRESS, MOUNT, NAMED, Terminal

import grid_datastores
from grid_datastores import entry
from grid_datastores.catalog import Catalog
from grid_datastores.domain.errors import AlreadyDeleted
from grid_datastores.domain.model import Phase, Source, SourceKind, User, Version, VersionRef, WorkloadKind
from grid_datastores.gateway.connection import Connection
from grid_datastores.gateway.credentials import Server
from grid_datastores.gateway.http import HttpDatastores
from grid_datastores.server.app import create_app
from grid_datastores.service import Service
from grid_datastores.storage import Manifest

PACKAGE = Path(grid_datastores.__file__).parent
PAGE = Path(__file__).parents[3] / "docs/contributing.md"
ROW = re.compile(r"^\| `([\w/]+\.py:[\w.]+)` \|", re.MULTILINE)


@cache  # as it is asked at every call
def _file(name: str) -> str:
    """The path of a file below the package; "" for any other file."""
    path = Path(name)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else ""


@contextmanager
def traced(seen: Callable[[str, FrameType], object]) -> Iterator[None]:
    """Tells of each call of a function of the package, as `FILE:NAME`, in this and in new threads."""

    def called(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and (file := _file(frame.f_code.co_filename)):
            seen(f"{file}:{frame.f_code.co_qualname}", frame)

    threading.setprofile(called)
    sys.setprofile(called)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


@pytest.mark.proves("walk-of-a-delete", "erased-after-the-receipt", reads=["docs/contributing.md", "pyproject.toml"])
def test_a_delete_without_a_server_goes_the_way_of_the_page(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a copy that a Run has made, which is erased before the bytes are."""
    first, second = (ROW.findall(part) for part in PAGE.read_text("utf-8").split("| Step | What it does |")[1:])
    assert (first[0], second[0]) == ("entry.py:main", "cli/deletion.py:delete")
    assert 'grid = "grid_datastores.entry:main"' in (PAGE.parents[1] / "pyproject.toml").read_text("utf-8")
    terminal.create({"a.csv": b"1"})
    terminal.done("run", "--name", "nightly", *MOUNT, "--", "true")
    [stored] = (terminal.home / ".grid/data/versions").iterdir()
    cache = terminal.home / ".grid/cache"
    assert [path for path in cache.rglob("*") if path.name == "a.csv"]
    walked: list[str] = []
    found: dict[str, object] = {}

    def seen(name: str, frame: FrameType) -> None:
        walked.append(name)
        if name == "service/deletion.py:Deletion.delete":
            found["id"] = frame.f_locals["version_id"]
        elif name == "service/removal.py:remove":
            found["queued"] = [version.id for version in frame.f_locals["versions"]]
        elif name == second[1]:
            found["printed"] = capfd.readouterr().out
            found["copies"] = [path for path in cache.rglob("*") if path.name == "a.csv"]
            found["stored"] = stored.is_dir()

    for name, value in (("HOME", terminal.home), ("GRID_DIR", terminal.home / ".grid"), ("LOGNAME", "ana")):
        monkeypatch.setenv(name, str(value))
    for name in ("stdout", "stderr"):  # `main` sets up its own
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(sys, "argv", ["grid", "datastore", "delete", *NAMED])
    with traced(seen), pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 0
    steps = iter(walked)
    assert [step for step in (*first, *second[1:]) if step not in steps] == []
    printed = str(found.pop("printed"))
    assert printed.startswith("Deleted version 1 of data")
    assert found == {"id": stored.name, "queued": [stored.name], "copies": [], "stored": True}
    assert not stored.exists()


@pytest.mark.proves("walk-of-a-delete-over-http", reads=["docs/contributing.md"])
def test_a_delete_over_http_is_sent_by_the_gateway_and_calls_the_same_service(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben, key = service.accounts.add("ben")
    begun = service.uploads.begin(ben, "data", Source(SourceKind.FILES, "data"))
    service.uploads.publish(ben, begun.id, Manifest.of([]))
    app = create_app(service)
    sent: list[str] = []

    def call(connection: Connection, method: str, path: str, **how: Any) -> object:
        sent.append(method)
        return asyncio.run(_answer(method, path, how.get("query")))

    async def _answer(method: str, path: str, query: Any) -> object:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, auth=(ben.id, key)) as http:
            return (await http.request(method, path, params=query)).json()

    monkeypatch.setattr(Connection, "call", call)
    walked: list[str] = []
    server = Server(ADDRESS, ben.id, key, "local")
    with traced(lambda name, _: walked.append(name)):
        HttpDatastores(server).delete(VersionRef("data", 1))
    named = re.findall(r"`((?:gateway/http|server/routes/datastores)\.py:[\w.]+)`", PAGE.read_text("utf-8"))
    assert len(named) == 2
    steps = iter(walked)
    assert [step for step in (*named, "service/deletion.py:Deletion.delete") if step not in steps] == []
    assert sent[-1] == "DELETE"
    assert details(service, ben, begun.id).phase is Phase.DELETED


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    """An available version, whose user has room for one more."""
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    return service.uploads.publish(ana, begun.id, Manifest.of([]))


def details(service: Service, user: User, version_id: str) -> Version:
    return service.reading.details(user, version_id).version


def queued(service: Service) -> list[str]:
    with service.context.catalog.read() as tx:
        return [one.id for one in tx.versions.queued_removals()]


@pytest.mark.proves("deletion-frees-and-queues", "commit-is-the-point-of-no-return")
def test_the_transaction_frees_the_place_and_queues_the_removal_with_its_commit(
    service: Service, ana: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the commit nothing has happened; after it, the version stays deleted."""

    class Stopped(Exception):
        pass

    original = Catalog.write

    @contextmanager
    def stopping(catalog: Catalog, **how: bool) -> Iterator[object]:
        with original(catalog, **how) as tx:
            yield tx
            if not how:  # it renews leases before
                return
            assert [one.phase for one in tx.versions.queued_removals()] == [Phase.DELETED]
            raise Stopped

    monkeypatch.setattr(Catalog, "write", stopping)
    with pytest.raises(Stopped):
        service.deletion.delete(ana, version.id)
    monkeypatch.undo()
    assert (details(service, ana, version.id).phase, queued(service)) == (Phase.AVAILABLE, [])
    assert service.deletion.delete(ana, version.id).quota_after.used == 0
    assert (details(service, ana, version.id).phase, queued(service)) == (Phase.DELETED, [version.id])
    with pytest.raises(AlreadyDeleted):
        service.deletion.delete(ana, version.id)


@pytest.mark.proves("removal-erases-records-and-unqueues")
def test_a_removal_erases_and_records_the_time_or_stays_in_the_queue(
    service: Service, ana: User, version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.deletion.delete(ana, version.id)
    folder = tmp_path / "data" / "versions" / version.id
    assert folder.is_dir()

    def busy(_id: str, **_how: object) -> bool:
        raise OSError("the disk is busy")

    with monkeypatch.context() as patch:
        patch.setattr(service.context.storage, "erase", busy)
        service.erase_deleted()
    assert (queued(service), folder.is_dir()) == ([version.id], True)
    assert details(service, ana, version.id).bytes_gone_at is None
    service.erase_deleted()
    assert (queued(service), folder.exists()) == ([], False)
    assert details(service, ana, version.id).bytes_gone_at is not None


@pytest.mark.proves("one-writer-at-a-time")
def test_while_a_transaction_writes_no_other_one_can_mount(
    service: Service, ana: User, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one waits for it, and then finds the version deleted."""
    events: list[str] = []
    refused: list[type[BaseException]] = []

    def mount() -> None:
        try:
            service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {version.id: ""})
        except AlreadyDeleted as error:
            refused.append(type(error))
        events.append("answered")

    waiting = threading.Event()
    original = Catalog.write

    def write(catalog: Catalog, **how: bool) -> object:
        waiting.set()
        return original(catalog, **how)

    with service.context.catalog.write() as tx:
        monkeypatch.setattr(Catalog, "write", write)
        other = threading.Thread(target=mount)
        other.start()
        waiting.wait()
        tx.versions.mark_deleted(version.id, "ana", service.context.clock())
        events.append("committed")
    other.join()
    assert (events, refused) == (["committed", "answered"], [AlreadyDeleted])
