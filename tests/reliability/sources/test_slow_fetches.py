"""Sources that send a byte now and then hold up nobody else, end with their version, and let the server stop."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from grid_datastores.domain.errors import SourceFailed
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.service.turns import MAX_FETCHES_PER_USER
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.sources.remote import open_remote
from reliability.machine import Machine, finished
from reliability.sources.archive_server import ArchiveServer
from reliability.sources.conftest import CERTIFIED
from reliability.sources.slow import Slow

PROMPTLY = 10  # seconds in which a server or a command ends: service managers kill it not much later
MANY = 6  # fetches of one user
WAYS = ["drip", "drip header", "silent"]
_FETCHING = "CLOUD_RESOURCES_PENDING"  # in the words of Grid
DATASTORES = "/v1/core/local/datastores"


class Unwanted(Exception):
    """Why a fetch ends."""


class Person:
    """A user of a server, over its API."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.http = httpx.Client(base_url=server.url, auth=server.add_user(name), timeout=30)

    def fetch(self, name: str, source: str, kind: str = "HTTP_URL") -> str:
        """Begin a version of what is at an address; its id."""
        spec = {"source": source, "sourceType": f"DATASTORE_SOURCE_TYPE_{kind}"}
        version = self._asked(DATASTORES, {"name": name, "spec": spec})["id"]
        self._asked(f"{DATASTORES}/{version}/completed", {})
        return str(version)

    def upload(self, name: str) -> str:
        """Send a version of five bytes; its id."""
        version = self._asked(DATASTORES, {"name": name, "spec": {}})["id"]
        place = f"{DATASTORES}/{version}"
        upload = self._asked(f"{place}/presigned-urls", {"objects": [{"key": "a.txt"}]})["objects"][0]
        etag = httpx.put(upload["urls"][0]["url"], content=b"hello").headers["etag"]
        part = {"key": "a.txt", "uploadId": upload["uploadId"], "urls": [{"partNumber": "1", "etag": etag}]}
        self._asked(f"{place}/presigned-urls/completed", {"objects": [part]})
        self._asked(f"{place}/completed", {})
        return str(version)

    def delete(self, version: str) -> None:
        self.http.delete(f"{DATASTORES}/{version}").raise_for_status()

    def phase(self, version: str) -> str:
        told = self.http.get(f"{DATASTORES}/{version}").raise_for_status().json()["status"]["phase"]
        return str(told).removeprefix("DATASTORE_OPTIMIZATION_STATUS_")

    def gets(self, version: str) -> None:
        """The version is finished, and holds what it should."""
        wait_until(lambda: self.phase(version) not in (_FETCHING, "OPTIMIZING"), "the version is finished")
        assert self.phase(version) == "SUCCEEDED"

    def _asked(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self.http.post(path, json=body).raise_for_status().json())


People = Callable[[str], Person]


@pytest.fixture
def slow(web: ArchiveServer) -> Slow:
    return Slow(web)


@pytest.fixture
def server(new_server: ServerProcess, web: ArchiveServer) -> ServerProcess:
    """A server whose operator allows fetches from this machine; it is also the S3 that is asked."""
    bucket = {"AWS_ENDPOINT_URL": web.url(""), "AWS_REGION": "us-east-1", "GRID_ALLOW_SOURCE_BUCKETS": "*"}
    new_server.operate({"GRID_ALLOW_SOURCE_HOSTS": "127.0.0.1", **bucket})
    return new_server


@pytest.fixture
def person(server: ServerProcess) -> Iterator[People]:
    """A new user of this name."""
    with ExitStack() as stack:

        def added(name: str) -> Person:
            person = Person(server, name)
            stack.enter_context(closing(person.http))
            return person

        yield added


def _archive(web: ArchiveServer, path: str) -> str:
    """A sound archive; returns its URL."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", b"hello")
    return web.serve(path, made.getvalue())


def _open(url: str, scratch: Path, limits: FetchLimits) -> None:
    """Fetch from this machine, under the name that the certificate of its secure server is for."""
    source = Source(SourceKind.ARCHIVE, url.replace("127.0.0.1", CERTIFIED))
    with open_remote(source, scratch, limits, [CERTIFIED], lambda _host, _port: ["127.0.0.1"]):
        pass


def _many(eve: Person, slow: Slow) -> dict[str, str]:
    """As many dripping fetches as one user likes, as many under way as the server lets her; ids by path."""
    versions = {f"/{n}.zip": eve.fetch(f"drip{n}", slow.drip(f"/{n}.zip")) for n in range(MANY)}
    wait_until(lambda: len(slow.asked()) >= 2, "her fetches are under way")
    return versions


def _in_scratch(folder: Path) -> list[str]:
    """The unnamed files that some process keeps below a folder."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            found += [place for place in [str(link.readlink())] if place.startswith(str(folder / "data" / "scratch"))]
    return found


def _stopped(server: ServerProcess, number: int = signal.SIGTERM) -> None:
    """End the server by a signal: it ends promptly, and has nothing to complain of."""
    process = server._process
    assert process
    process.send_signal(number)
    try:
        out, _ = process.communicate(timeout=PROMPTLY)
    except subprocess.TimeoutExpired:
        pytest.fail("The server goes on.")
    assert (process.returncode, "Traceback" in out + (server.folder / "serve.log").read_text()) == (0, False)


def test_an_upload_is_finished_whatever_is_fetched(person: People, slow: Slow) -> None:
    eve, ana = person("eve"), person("ana")
    drips = _many(eve, slow)
    ana.gets(ana.upload("plain"))
    eve.gets(eve.upload("plain"))
    assert {eve.phase(version) for version in drips.values()} == {_FETCHING}


def test_one_users_fetches_leave_room_for_anothers(person: People, slow: Slow) -> None:
    eve, ana = person("eve"), person("ana")
    drips = _many(eve, slow)
    ana.gets(ana.fetch("fast", _archive(slow.web, "/fast.zip")))
    assert {eve.phase(version) for version in drips.values()} == {_FETCHING}


def test_a_deleted_version_is_not_fetched_on(server: ServerProcess, person: People, slow: Slow) -> None:
    eve = person("eve")
    drips = _many(eve, slow)
    assert _in_scratch(server.folder)
    fast = eve.fetch("fast", _archive(slow.web, "/fast.zip"))
    for version in drips.values():
        eve.delete(version)
    wait_until(lambda: slow.left >= set(slow.asked()) - {"/fast.zip"}, "the fetches are given up")
    eve.gets(fast)  # what waited behind them has its turn
    wait_until(lambda: not _in_scratch(server.folder), "their unnamed files are closed")
    wait_until(lambda: [path.name for path in server.data.iterdir()] == [fast], "no byte of them is left")
    assert {eve.http.get(f"{DATASTORES}/{version}").status_code for version in drips.values()} == {410}


@pytest.mark.parametrize("way", WAYS)
def test_a_fetch_without_an_answer_ends_with_its_version(
    server: ServerProcess, person: People, slow: Slow, way: str
) -> None:
    eve = person("eve")
    version = eve.fetch("slow", slow.start(way))
    wait_until(slow.asked, "the source is asked")
    assert slow.left == set()
    eve.delete(version)
    wait_until(lambda: slow.left, "the fetch is given up")
    wait_until(lambda: not _in_scratch(server.folder), "no byte is left")


def test_a_deleted_fetch_of_a_silent_bucket_makes_room_for_the_next(person: People, slow: Slow) -> None:
    eve = person("eve")
    slow.silent("/silent/data")
    silent = [eve.fetch(f"silent{n}", "s3://silent/data", "OBJECT_STORE") for n in range(MAX_FETCHES_PER_USER)]
    wait_until(lambda: len(slow.asked()) == len(silent), "the bucket is asked")
    fast = eve.fetch("fast", _archive(slow.web, "/fast.zip"))
    for version in silent:
        eve.delete(version)
    eve.gets(fast)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scheme", ["web", "secure_web"])
def test_what_is_not_wanted_any_more_is_cut_off(
    request: pytest.FixtureRequest, tmp_path: Path, scheme: str, way: str
) -> None:
    slow = Slow(request.getfixturevalue(scheme))

    def check() -> None:
        if slow.asked():
            raise Unwanted

    with pytest.raises(Unwanted):
        _open(slow.start(way), tmp_path, FetchLimits(check_cancelled=check))
    wait_until(lambda: slow.left, "the connection is closed")


@pytest.mark.parametrize("way", WAYS)
def test_no_way_of_sending_slowly_lasts_longer_than_allowed(slow: Slow, tmp_path: Path, way: str) -> None:
    with pytest.raises(SourceFailed, match=r"was not downloaded within 0\.2 seconds"):
        _open(slow.start(way), tmp_path, FetchLimits(download_seconds=0.2))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_in_the_middle_of_fetches_and_takes_them_up_again(
    server: ServerProcess, person: People, slow: Slow, number: int
) -> None:
    eve = person("eve")
    drips = _many(eve, slow)
    _stopped(server, number)
    for path in drips:
        _archive(slow.web, path)
    server.start()
    for version in drips.values():
        eve.gets(version)


@pytest.mark.parametrize("kind", ["HTTP_URL", "OBJECT_STORE"])
def test_a_server_ends_although_a_source_is_silent(
    server: ServerProcess, person: People, slow: Slow, kind: str
) -> None:
    eve = person("eve")
    source = slow.silent("/silent.zip" if kind == "HTTP_URL" else "/silent")
    version = eve.fetch("silent", source if kind == "HTTP_URL" else "s3://silent/data", kind)
    wait_until(slow.asked, "the source is asked")
    _stopped(server)
    server.start()
    assert eve.phase(version) == _FETCHING


DELETE = ("datastore", "delete", "--name", "slow", "--version", "1")


def _interrupted(machine: Machine, slow: Slow, *words: str) -> str:
    """What a command says that is interrupted while it waits for a fetch; the source is asked before."""
    asked = len(slow.asked())
    process = machine.start("datastore", *words)
    wait_until(lambda: len(slow.asked()) > asked, "the source is asked")
    process.send_signal(signal.SIGINT)
    said = finished(process, PROMPTLY)
    said.refused("Interrupted.")
    return said.err


def _told_as_fetching(machine: Machine) -> None:
    """In the words of the guide, also where a version that has not arrived cannot be used."""
    assert re.search(r"^slow +1 +fetching ", machine.run("datastore").done(), re.MULTILINE)
    assert "Phase: fetching\n" in re.sub(" +", " ", machine.run("datastore", "show", *DELETE[2:]).done())
    machine.run("datastore", "files", *DELETE[2:]).refused("cannot be read: it is fetching, not available")


@pytest.mark.proves("phase-fetching")
@pytest.mark.proves("interrupted-fetch-is-incomplete-here", "allowed-source-hosts-are-fetched")
def test_ctrl_c_in_a_fetch_without_a_server_leaves_it_to_the_next(embedded: Machine, slow: Slow) -> None:
    embedded.extra = {"GRID_ALLOW_SOURCE_HOSTS": "127.0.0.1"}
    said = _interrupted(embedded, slow, "create", slow.drip("/slow.zip"), "--name", "slow")
    assert said == (
        "Error: Interrupted. The fetch of version 1 of slow is incomplete, and the version counts against your quota."
        " Resume it with grid datastore resume, or discard it with: grid datastore delete --name slow --version 1\n"
    )
    assert embedded.phases() == [(1, _FETCHING)]
    _told_as_fetching(embedded)
    _archive(slow.web, "/slow.zip")
    embedded.run("datastore", "create", _archive(slow.web, "/fast.zip"), "--name", "fast").done()
    assert embedded.phases() == [(1, "SUCCEEDED"), (1, "SUCCEEDED")]


@pytest.mark.proves("interrupted-fetch-of-a-bucket")
@pytest.mark.parametrize("served", [False, True], ids=["without a server", "on a server"])
def test_ctrl_c_in_a_fetch_of_a_bucket_is_as_in_that_of_an_archive(
    server: ServerProcess, embedded: Machine, slow: Slow, *, served: bool
) -> None:
    machine = Machine(embedded.grid, embedded.home, server, server.add_user("ana")) if served else embedded
    machine.extra = {"AWS_ENDPOINT_URL": slow.web.url("")}
    slow.silent("/silent/data")
    said = _interrupted(machine, slow, "create", "s3://silent/data", "--name", "slow")
    if served:
        assert "The server continues to fetch version 1 of slow. Check it with grid datastore show" in said
        assert "or cancel it with: grid datastore delete --name slow --version 1\n" in said
    else:
        assert "The fetch of version 1 of slow is incomplete, and the version counts against your quota." in said
        assert "Resume it with grid datastore resume, or discard it with: grid datastore delete" in said
    assert machine.phases() == [(1, _FETCHING)]


@pytest.mark.proves("settings-without-a-server")
def test_ctrl_c_in_a_fetch_that_goes_on_says_so_again(embedded: Machine, slow: Slow) -> None:
    embedded.extra = {"GRID_ALLOW_SOURCE_HOSTS": "127.0.0.1", "GRID_QUOTA": "1"}
    said = _interrupted(embedded, slow, "create", slow.drip("/slow.zip"), "--name", "slow")
    assert _interrupted(embedded, slow, "resume") == said
    assert "You have 1 of 1 versions" in embedded.run("datastore", "create", _archive(slow.web, "/a.zip")).err
    embedded.run(*DELETE).done()
    embedded.run("datastore", "create", _archive(slow.web, "/a.zip")).done()


@pytest.mark.proves("phase-fetching")
@pytest.mark.proves("interrupted-fetch-continues-on-server")
def test_ctrl_c_in_a_fetch_of_a_server_says_that_it_goes_on(
    server: ServerProcess, embedded: Machine, slow: Slow
) -> None:
    machine = Machine(embedded.grid, embedded.home, server, server.add_user("ana"))
    words = ("create", slow.drip("/slow.zip"), "--name", "slow")
    assert _interrupted(machine, slow, *words) == (
        "Error: Interrupted. The server continues to fetch version 1 of slow."
        " Check it with grid datastore show --name slow --version 1, or cancel it with:"
        " grid datastore delete --name slow --version 1\n"
    )
    assert slow.left == set()
    assert machine.phases() == [(1, _FETCHING)]
    _told_as_fetching(machine)
    machine.run(*DELETE).done()
    wait_until(lambda: slow.left, "the fetch is given up")


def test_a_server_that_stops_while_it_fetches_goes_on_later(
    server: ServerProcess, embedded: Machine, slow: Slow
) -> None:
    machine = Machine(embedded.grid, embedded.home, server, server.add_user("ana"))
    process = machine.start("datastore", "create", slow.drip("/slow.zip"), "--name", "slow")
    wait_until(slow.asked, "the source is asked")
    _stopped(server)
    finished(process).refused("The server continues to fetch version 1 of slow. Check it with grid datastore show")
    _archive(slow.web, "/slow.zip")
    server.start()
    wait_until(lambda: machine.phases() == [(1, "SUCCEEDED")], "it is fetched")
