"""An archive is fetched from a real web server, whole, or one sentence says why not."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from grid_datastores.domain.errors import InvalidInput, Refusal, SourceFailed
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.sources.remote import open_remote
from grid_datastores.storage import LocalStorage, Manifest, pack
from reliability.sources.archive_server import ArchiveServer, Handler
from reliability.sources.archives import FILES, fetch, here, tarred, zipped
from reliability.sources.sink import StorageSink


@pytest.mark.parametrize("make", [zipped, tarred])
def test_an_archive_becomes_a_version_byte_for_byte(
    web: ArchiveServer, tmp_path: Path, make: Callable[[], bytes]
) -> None:
    url = web.serve("/data.zip", make())
    storage = LocalStorage(tmp_path / "data")
    storage.begin("v1")

    with open_remote(Source(SourceKind.ARCHIVE, url), tmp_path, allowed_hosts=["127.0.0.1"], resolve=here) as remote:
        packed = pack(remote.files, StorageSink(storage), lambda _: None)
        manifest = Manifest.of(entry for _, entries in packed for entry in entries)
    read = {file.path: b"".join(storage.read("v1", file.object, file.offset, file.size)) for file in manifest.files}
    assert read == FILES
    assert {file.path: file.sha256 for file in manifest.files} == {
        path: sha256(content).hexdigest() for path, content in FILES.items()
    }


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("path", ["/data.zip", "/data.tar.gz", "/data"])
def test_what_an_archive_is_is_told_by_its_bytes_and_not_by_its_name(
    web: ArchiveServer, tmp_path: Path, make: Callable[[], bytes], path: str
) -> None:
    assert fetch(web.serve(path, make(), **{"Content-Type": "text/plain"}), tmp_path) == FILES


def test_the_archive_of_the_tar_program_is_read(web: ArchiveServer, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    subprocess.run(["tar", "czf", "../a.tgz", "."], cwd=folder, check=True)
    assert fetch(web.serve("/a.tgz", (tmp_path / "a.tgz").read_bytes()), tmp_path) == FILES


def test_the_query_is_sent_and_not_shown(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.refuse("/data.zip", 403) + "?signature=hunter2"
    with pytest.raises(SourceFailed) as refused:
        fetch(url, tmp_path)
    assert web.seen[0][0] == "/data.zip?signature=hunter2"
    assert refused.value.message == f"{web.url('/data.zip')} answered 403 Forbidden."


def test_a_packed_answer_is_taken_as_it_is(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.serve("/data.tar.gz", tarred(), **{"Content-Encoding": "gzip"})
    assert fetch(url, tmp_path) == FILES


def test_an_answer_without_a_length_is_read_to_its_end(web: ArchiveServer, tmp_path: Path) -> None:
    def answer(handler: Handler) -> None:
        handler.begin(200, {})
        handler.wfile.write(zipped())

    web.answers["/data.zip"] = answer
    assert fetch(web.url("/data.zip"), tmp_path) == FILES


@pytest.mark.parametrize("status", [204, 206, 304, 400, 404, 410, 500, 503])
def test_an_answer_that_is_not_the_archive_is_told(web: ArchiveServer, tmp_path: Path, status: int) -> None:
    with pytest.raises(SourceFailed, match=f"/data.zip answered {status}"):
        fetch(web.refuse("/data.zip", status), tmp_path)


def test_a_web_page_in_place_of_the_archive_is_told(web: ArchiveServer, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match=r"a web page\. The archive may need a sign-in"):
        fetch(web.serve("/data.zip", b"<!doctype html><title>Sign in</title>"), tmp_path)


@pytest.mark.parametrize("make", [zipped, tarred])
def test_an_answer_that_breaks_off_is_refused(web: ArchiveServer, tmp_path: Path, make: Callable[[], bytes]) -> None:
    body = make()
    with pytest.raises(SourceFailed, match="the connection was closed"):
        fetch(web.serve("/data.zip", body[: len(body) // 2], length=len(body)), tmp_path)


def test_an_answer_that_is_not_http_is_refused(web: ArchiveServer, tmp_path: Path) -> None:
    web.answers["/data.zip"] = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH\r\n") and None
    with pytest.raises(SourceFailed, match="the answer is not HTTP"):
        fetch(web.url("/data.zip"), tmp_path)


@pytest.mark.parametrize("sent", [b"", zipped()[:1000]])
def test_a_server_that_stops_sending_is_given_up(web: ArchiveServer, tmp_path: Path, sent: bytes) -> None:
    def answer(handler: Handler) -> None:
        if sent:
            handler.begin(200, {"Content-Length": "2000"})
            handler.wfile.write(sent)
            handler.wfile.flush()
        web.released.wait()

    web.answers["/data.zip"] = answer
    with pytest.raises(SourceFailed, match=r"/data.zip sent nothing for 0.2 seconds\."):
        fetch(web.url("/data.zip"), tmp_path, limits=FetchLimits(stall_seconds=0.2))


def test_a_server_that_takes_too_long_is_given_up(web: ArchiveServer, tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match="was not downloaded within 0 seconds"):
        fetch(web.serve("/data.zip", zipped()), tmp_path, limits=FetchLimits(download_seconds=0))


def test_an_archive_larger_than_allowed_is_refused_by_its_announced_length(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.serve("/data.zip", b"", length=10**9)
    with pytest.raises(SourceFailed, match="larger than the allowed 1 MiB"):
        fetch(url, tmp_path, limits=FetchLimits(download_bytes=2**20))


def test_an_archive_larger_than_allowed_is_refused_while_it_arrives(web: ArchiveServer, tmp_path: Path) -> None:
    def endless(handler: Handler) -> None:
        handler.begin(200, {})
        while not web.released.is_set():
            handler.wfile.write(bytes(65536))

    web.answers["/data.zip"] = endless
    with pytest.raises(SourceFailed, match="larger than the allowed 1 MiB"):
        fetch(web.url("/data.zip"), tmp_path, limits=FetchLimits(download_bytes=2**20))


def test_an_archive_of_just_the_allowed_size_is_taken(web: ArchiveServer, tmp_path: Path) -> None:
    body = zipped()
    url = web.serve("/data.zip", body)
    assert fetch(url, tmp_path, limits=FetchLimits(download_bytes=len(body))) == FILES
    with pytest.raises(SourceFailed, match="larger than"):
        fetch(url, tmp_path, limits=FetchLimits(download_bytes=len(body) - 1))


def test_a_bomb_from_the_web_is_refused(web: ArchiveServer, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(30 * 2**20))
    with pytest.raises(SourceFailed, match="to more than 1,000 times its own size"):
        fetch(web.serve("/data.tar.gz", bomb), tmp_path, limits=FetchLimits(ratio_from=10 * 2**20))


@pytest.mark.parametrize("body", [zipped(), tarred(), zipped()[:5000], tarred()[:5000], b"no archive", b""])
def test_nothing_is_left_in_the_scratch_folder(web: ArchiveServer, tmp_path: Path, body: bytes) -> None:
    with suppress(SourceFailed):
        fetch(web.serve("/data.zip", body), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_lies_under_a_name_in_the_scratch_folder_while_files_are_read(
    web: ArchiveServer, tmp_path: Path
) -> None:
    source = Source(SourceKind.ARCHIVE, web.serve("/data.tar.gz", tarred()))
    with open_remote(source, tmp_path, allowed_hosts=["127.0.0.1"], resolve=here) as remote:
        assert next(iter(remote.files[0].chunks()))
        assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    gone = ArchiveServer()
    gone.stop()
    with pytest.raises(SourceFailed, match="the host does not accept the connection"):
        fetch(gone.url("/data.zip"), tmp_path)


def test_files_on_a_machine_are_not_fetched(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput, match="cannot fetch local files"),
        open_remote(Source(SourceKind.FILES, "/etc"), tmp_path),
    ):
        pass


def test_every_refusal_is_one_sentence(web: ArchiveServer, tmp_path: Path) -> None:
    for body in (b"", b"x", zipped()[:99], tarred()[:99], gzip.compress(b"x")):
        with pytest.raises(Refusal) as refused:
            fetch(web.serve("/data.zip", body), tmp_path)
        assert refused.value.message.endswith(".")
        assert "\n" not in refused.value.message
