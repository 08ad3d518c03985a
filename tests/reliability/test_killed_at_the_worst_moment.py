"""Killed between the bytes and the catalog, on purpose and exactly there: what is done again comes to the same."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from acceptance.server import Credentials, ServerProcess
from acceptance.waiting import wait_until
from reliability.faults import dying, prepared, waiting
from reliability.machine import Machine, finished, folder_of
from reliability.sources.archive_server import ArchiveServer

# Nobody can write the moment down.
_BUSY = """
from grid_datastores.catalog.versions import Versions
from grid_datastores.domain.errors import CatalogFailed
def busy(*given):
    raise CatalogFailed("The catalog is busy.")
Versions.mark_bytes_gone = busy
"""
STORAGE = "grid_datastores.storage:LocalStorage"
CONTENT = bytes(range(256)) * 64


def _mortal(folder: Path, method: str, *, after: bool = True) -> str:
    """A `grid` that is killed after this call to storage, or at its beginning."""
    return dying(folder, f"{STORAGE}.{method}", after=after)


@contextmanager
def _archive_server() -> Iterator[ArchiveServer]:
    server = ArchiveServer()
    yield server
    server.stop()


class _Upload:
    """A stock client's upload of one file, a call at a time."""

    def __init__(self, server: ServerProcess, user: Credentials) -> None:
        self.http = httpx.Client(base_url=server.url, auth=user, timeout=30)
        made = self.http.post("/v1/core/local/datastores", json={"name": "data", "spec": {}}).json()
        self.path = f"/v1/core/local/datastores/{made['id']}"

    def send(self) -> None:
        body = {"objects": [{"key": "a.bin", "partCount": "2"}]}
        upload = self.http.post(f"{self.path}/presigned-urls", json=body).json()["objects"][0]
        halves = (CONTENT[:1000], CONTENT[1000:])
        sent = zip(upload["urls"], halves, strict=True)
        etags = [httpx.put(url["url"], content=half).headers["etag"] for url, half in sent]
        parts = [{"partNumber": str(number), "etag": etag} for number, etag in enumerate(etags, 1)]
        self.done = {"objects": [{"key": "a.bin", "uploadId": upload["uploadId"], "urls": parts}]}

    def complete_objects(self) -> None:
        self.http.post(f"{self.path}/presigned-urls/completed", json=self.done).raise_for_status()

    def complete(self) -> None:
        self.http.post(f"{self.path}/completed", json={}).raise_for_status()

    def version(self) -> dict[str, object]:
        return dict(self.http.get(self.path).json())

    def finished(self) -> None:
        wait_until(lambda: not self._phase().endswith(("_RUNNING", "_OPTIMIZING")), "it is finished")
        assert self._phase().endswith("SUCCEEDED"), self.version()

    def _phase(self) -> str:
        return str(self.version()["status"]["phase"])  # type: ignore[index]


@pytest.fixture
def upload(own_server: ServerProcess) -> Iterator[_Upload]:
    begun = _Upload(own_server, own_server.add_user("ana"))
    with closing(begun.http):
        yield begun


def _restarted(server: ServerProcess, grid: str) -> None:
    server.kill()
    server.grid = grid
    server.start()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_server_killed_as_it_publishes_the_bytes_finishes_when_it_starts_again(
    own_server: ServerProcess, upload: _Upload, grid: str, tmp_path: Path, *, after: bool
) -> None:
    _restarted(own_server, _mortal(tmp_path, "publish", after=after))
    upload.send()
    upload.complete_objects()
    with suppress(httpx.TransportError):  # it publishes after it has answered: the answer may be lost with it
        upload.complete()
    own_server.wait()
    _restarted(own_server, grid)
    upload.finished()
    assert upload.version()["spec"]["sizeBytes"] == str(len(CONTENT))  # type: ignore[index]
    assert [path for path in own_server.data.rglob("*") if path.name.endswith(".new")] == []


def test_a_server_killed_after_it_assembled_an_object_takes_the_same_word_again(
    own_server: ServerProcess, upload: _Upload, grid: str, tmp_path: Path
) -> None:
    _restarted(own_server, _mortal(tmp_path, "assemble"))
    upload.send()
    with pytest.raises(httpx.TransportError):
        upload.complete_objects()
    _restarted(own_server, grid)
    upload.complete_objects()
    upload.complete_objects()
    upload.complete()
    upload.finished()


def test_a_server_killed_after_it_erased_the_bytes_records_the_moment_later(
    own_server: ServerProcess, upload: _Upload, grid: str, tmp_path: Path
) -> None:
    upload.send()
    upload.complete_objects()
    upload.complete()
    upload.finished()
    _restarted(own_server, _mortal(tmp_path, "erase"))
    with suppress(httpx.TransportError):  # it erases at once: the answer may be lost with it
        assert upload.http.delete(upload.path).status_code == 200
    own_server.wait()
    _restarted(own_server, grid)
    events = f"{upload.path}/events"
    wait_until(lambda: "no byte is left" in upload.http.get(events).text, "the moment is recorded")


def test_a_create_killed_after_it_published_the_bytes_can_be_gone_on_with(
    embedded: Machine, grid: str, tmp_path: Path
) -> None:
    folder_of(embedded.home, {"a.bin": CONTENT, "large.bin": bytes(2 * 1024 * 1024)})
    embedded.grid = _mortal(tmp_path, "publish")
    killed = finished(embedded.start("datastore", "create", "source", "--name", "data"))
    assert killed.code == -9
    embedded.grid = grid
    embedded.run("datastore", "resume").done()
    assert embedded.phases() == [(1, "SUCCEEDED")]
    embedded.run("datastore", "download", "--name", "data", "--version", "1", "--to", "back").done()
    assert (embedded.home / "back" / "a.bin").read_bytes() == CONTENT


@pytest.mark.proves("answer-before-erasure")
def test_a_deletion_whose_bytes_cannot_be_erased_yet_is_done_all_the_same(
    embedded: Machine, grid: str, tmp_path: Path
) -> None:
    embedded.create(folder_of(embedded.home, {"a.bin": CONTENT}))
    embedded.grid = prepared(tmp_path, _BUSY)
    said = embedded.run("datastore", "delete", "--name", "data", "--version", "1")
    assert said.code == 0, said
    assert said.out.startswith("Deleted version 1 of data")
    assert said.err.startswith("Warning: deleted data is not erased yet: ")
    assert len(said.err.splitlines()) == 1
    embedded.grid = grid
    embedded.run("datastore").done()
    assert list(embedded.storage.iterdir()) == []


def test_two_who_go_on_with_one_upload_lose_nothing(embedded: Machine, grid: str, tmp_path: Path) -> None:
    """The second publishes what the first has finished meanwhile; the version stays, with its bytes."""
    folder_of(embedded.home, {"a.bin": CONTENT})
    embedded.grid = _mortal(tmp_path, "publish", after=False)
    assert finished(embedded.start("datastore", "create", "source", "--name", "data")).code == -9
    gate = tmp_path / "gate"
    embedded.grid = waiting(tmp_path, gate, f"{STORAGE}.publish")
    second = embedded.start("datastore", "resume")
    wait_until(lambda: gate.exists() or second.poll() is not None, "the second is about to publish")
    assert second.poll() is None, second.communicate()
    embedded.grid = grid
    embedded.run("datastore", "resume").done()
    gate.unlink()
    finished(second)
    embedded.run("datastore").done()  # a removal, if one was queued
    assert embedded.phases() == [(1, "SUCCEEDED")]
    embedded.run("datastore", "download", "--name", "data", "--version", "1", "--to", "back").done()
    assert (embedded.home / "back" / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("there", [True, False], ids=["still there", "gone meanwhile"])
def test_a_fetch_killed_without_a_server_can_be_gone_on_with(
    embedded: Machine, grid: str, tmp_path: Path, *, there: bool
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.bin", CONTENT)
    with _archive_server() as server:
        url = server.serve("/data.zip", buffer.getvalue())
        embedded.extra["GRID_ALLOW_SOURCE_HOSTS"] = f"127.0.0.1:{server.port}"
        embedded.grid = _mortal(tmp_path, "new_object", after=False)
        assert finished(embedded.start("datastore", "create", f"{url}?key=SECRET", "--name=data")).code == -9
        embedded.grid = grid
        assert "SECRET" not in embedded.run("datastore", "-o", "json").done()
        if not there:
            server.refuse("/data.zip", 404)
        said = embedded.run("datastore", "resume")
    if there:
        assert said.done() == "Finished version 1 of data.\n"
        assert embedded.phases() == [(1, "SUCCEEDED")]
    else:
        said.refused("404")
        assert embedded.phases() == [(1, "FAILED")]


# The steps of a `create` before it sends anything: each is a call, and whether it is killed after it.
_BEGINNINGS = (
    ("grid_datastores.catalog.versions.Versions.create", True),
    ("grid_datastores.machine.uploads.begin_journal", True),
    ("grid_datastores.storage.LocalStorage.begin", False),
    ("grid_datastores.service.uploads.Uploads.begin", True),
)


@pytest.mark.proves("killed-before-its-journal")
@pytest.mark.parametrize("command", ["resume", "clearcache"])
@pytest.mark.parametrize(("call", "after"), _BEGINNINGS, ids=lambda given: str(given).rpartition(".")[2])
def test_a_create_killed_as_it_begins_can_be_gone_on_with_or_forgotten(
    embedded: Machine, grid: str, tmp_path: Path, *, call: str, after: bool, command: str
) -> None:
    folder_of(embedded.home, {"a.bin": CONTENT})
    embedded.grid = dying(tmp_path, call, after=after)
    assert finished(embedded.start("datastore", "create", "source", "--name", "data")).code == -9
    embedded.grid = grid
    existed = embedded.phases() != []
    said = embedded.run("datastore", command)
    assert said.code == (1 if "no longer exists" in said.err else 0), said
    if command == "resume" and existed:
        assert embedded.phases() == [(1, "SUCCEEDED")]
        embedded.run("datastore", "download", "--name", "data", "--version", "1", "--to", "back").done()
        assert (embedded.home / "back" / "a.bin").read_bytes() == CONTENT
    else:
        assert embedded.phases() == []
        assert list(embedded.storage.iterdir()) == []
    assert embedded.run("datastore", "resume").done().startswith("There is no interrupted upload to resume")


@pytest.mark.parametrize("call", ["storage.LocalStorage.begin", "service.uploads.Uploads.complete"])
def test_a_fetch_killed_before_it_began_can_be_gone_on_with(
    embedded: Machine, grid: str, tmp_path: Path, call: str
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.bin", CONTENT)
    with _archive_server() as server:
        url = server.serve("/data.zip", buffer.getvalue())
        embedded.extra["GRID_ALLOW_SOURCE_HOSTS"] = f"127.0.0.1:{server.port}"
        embedded.grid = dying(tmp_path, f"grid_datastores.{call}", after=False)
        assert finished(embedded.start("datastore", "create", url, "--name=data")).code == -9
        embedded.grid = grid
        assert embedded.phases() == [(1, "UNSPECIFIED")]
        assert embedded.run("datastore", "resume").done() == "Finished version 1 of data.\n"
    assert embedded.phases() == [(1, "SUCCEEDED")]
