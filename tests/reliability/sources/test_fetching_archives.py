"""An archive is fetched from a real web server, whole, or one sentence says why not."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from grid_datastores.domain.errors import InvalidInput, Refusal, SourceFailed
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.sources.addresses import CheckedTransport, Resolve
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.sources.remote import open_remote
from grid_datastores.storage import LocalStorage, Manifest, pack
from reliability.sources.archive_server import ArchiveServer, Handler
from reliability.sources.sink import StorageSink

FILES = {f"small/{n}.txt": f"file {n}".encode() for n in range(50)} | {
    "a-large": bytes(range(256)) * 8000,
    "small/z": b"after a large one",
    "z-large": b"\1\2\3" * 500_000,
}


@cache
def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in FILES.items():
            archive.writestr(path, content)
    return buffer.getvalue()


@cache
def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in FILES.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def fetch(
    url: str,
    scratch: Path,
    allowed: tuple[str, ...] = ("127.0.0.1",),
    limits: FetchLimits | None = None,
    resolve: Resolve = here,
) -> dict[str, bytes]:
    """All files behind a URL, each read whole."""
    with open_remote(Source(SourceKind.ARCHIVE, url), scratch, limits, allowed, resolve) as remote:
        files = {file.path: b"".join(file.chunks()) for file in remote.files}
        assert remote.size_bytes == sum(map(len, files.values()))
    return files


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


@pytest.mark.proves("allowed-source-hosts-are-fetched")
def test_this_machine_is_refused_unless_its_operator_allows_it(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.serve("/data.zip", zipped())
    for allowed in ((), (f"127.0.0.1:{web.port + 1}",), ("localhost",)):
        with pytest.raises(SourceFailed, match=r"127.0.0.1 is not a public address, so nothing was fetched"):
            fetch(url, tmp_path, allowed)
    assert web.seen == []
    assert fetch(url, tmp_path, (f"127.0.0.1:{web.port}",)) == FILES


def test_a_name_for_this_machine_is_refused_unless_its_operator_allows_it(web: ArchiveServer, tmp_path: Path) -> None:
    web.serve("/data.zip", zipped())
    with pytest.raises(SourceFailed, match=r"inside.example is not a public address"):
        fetch(web.url("/data.zip", "inside.example"), tmp_path)
    assert web.seen == []
    assert fetch(web.url("/data.zip", "inside.example"), tmp_path, ("inside.example",)) == FILES


def test_a_proxy_of_the_environment_is_no_way_around_the_check(
    web: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url("/"))
    monkeypatch.setenv("ALL_PROXY", web.url("/"))
    web.answers["http://10.0.0.1/data.zip"] = lambda handler: pytest.fail("fetched through the proxy")
    with pytest.raises(SourceFailed, match=r"10.0.0.1 is not a public address"):
        fetch("http://10.0.0.1/data.zip", tmp_path, (), resolve=lambda host, port: [host])
    assert web.seen == []


def test_a_name_is_looked_up_once_and_the_checked_address_is_connected_to(
    web: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.serve("/data.zip", zipped())
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    monkeypatch.setattr("grid_datastores.sources.addresses.socket.getaddrinfo", only_addresses)
    fetch(web.url("/data.zip", "files.example"), tmp_path, ("files.example",), resolve=rebinding)
    assert asked == ["files.example"]
    assert web.seen == [("/data.zip", f"files.example:{web.port}")]


def only_addresses(host: str, port: int, *rest: object, **more: object) -> list[tuple[object, ...]]:
    assert host == "127.0.0.1", "a name was looked up behind the check"
    return [(2, 1, 6, "", (host, port))]


def test_a_name_that_turns_inside_is_refused_at_the_redirect(
    web: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.redirect("/data.zip", "/inside.zip")
    web.serve("/inside.zip", zipped())
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    monkeypatch.setattr("grid_datastores.sources.addresses.is_public", lambda address: address == "93.184.216.34")
    send = CheckedTransport._send
    monkeypatch.setattr(CheckedTransport, "_send", lambda self, asked, host, _: send(self, asked, host, "127.0.0.1"))
    with pytest.raises(SourceFailed, match=r"rebind.example is not a public address"):
        fetch(web.url("/data.zip", "rebind.example"), tmp_path, (), resolve=lambda host, port: next(answers))
    assert [path for path, _ in web.seen] == ["/data.zip"]


@pytest.mark.parametrize("addresses", [["127.0.0.9", "127.0.0.1"], ["127.0.0.1", "127.0.0.9"]])
def test_the_next_address_is_tried_when_one_does_not_take_the_connection(
    web: ArchiveServer, tmp_path: Path, addresses: list[str]
) -> None:
    web.serve("/data.zip", zipped())
    url = web.url("/data.zip", "files.example")
    assert fetch(url, tmp_path, ("files.example",), resolve=lambda host, port: addresses) == FILES


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(web: ArchiveServer, tmp_path: Path, status: int) -> None:
    web.serve("/real.zip", zipped())
    assert fetch(web.redirect("/data.zip", "/real.zip?x=1", status), tmp_path) == FILES


def test_five_redirects_are_followed_and_six_are_not(web: ArchiveServer, tmp_path: Path) -> None:
    web.serve("/5", zipped())
    for n in range(5):
        web.redirect(f"/{n}", f"/{n + 1}")
    assert fetch(web.url("/0"), tmp_path) == FILES
    web.redirect("/first", "/0")
    with pytest.raises(SourceFailed, match="/first redirects more than 5 times"):
        fetch(web.url("/first"), tmp_path)


def test_a_redirect_to_a_host_that_is_not_public_is_refused(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.redirect("/data.zip", web.url("/inside.zip", "inside.example"))
    web.serve("/inside.zip", zipped())
    with pytest.raises(SourceFailed, match=r"inside.example is not a public address"):
        fetch(url, tmp_path)
    assert [path for path, _ in web.seen] == ["/data.zip"]


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.1/a.zip", "gopher://x/", "http://u:p@127.0.0.1/a.zip"]
)
def test_a_redirect_to_something_else_than_the_plain_web_is_refused(
    web: ArchiveServer, tmp_path: Path, to: str
) -> None:
    with pytest.raises(SourceFailed, match="redirects to an address that is not plain http or https"):
        fetch(web.redirect("/data.zip", to), tmp_path)


@pytest.mark.parametrize("to", ["http://[broken", "http://127.0.0.1:port/"])
def test_a_redirect_to_nowhere_is_refused(web: ArchiveServer, tmp_path: Path, to: str) -> None:
    with pytest.raises(SourceFailed):
        fetch(web.redirect("/data.zip", to), tmp_path)


def test_https_is_fetched_with_the_name_of_the_url_and_the_address_that_was_checked(
    secure_web: ArchiveServer, tmp_path: Path
) -> None:
    secure_web.serve("/data.zip", zipped())
    assert fetch(secure_web.url("/data.zip", "files.example"), tmp_path, ("files.example",)) == FILES
    assert secure_web.seen == [("/data.zip", f"files.example:{secure_web.port}")]


@pytest.mark.parametrize("name", ["other.example", "127.0.0.1"])
def test_a_certificate_for_another_name_is_refused(secure_web: ArchiveServer, tmp_path: Path, name: str) -> None:
    secure_web.serve("/data.zip", zipped())
    with pytest.raises(SourceFailed, match="its certificate is not valid"):
        fetch(secure_web.url("/data.zip", name), tmp_path, (name,))


def test_a_certificate_of_nobody_who_is_trusted_is_refused(
    secure_web: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SourceFailed, match="its certificate is not valid"):
        fetch(secure_web.url("/data.zip", "files.example"), tmp_path, ("files.example",))


def test_a_connection_is_not_used_for_another_name_at_the_same_address(
    secure_web: ArchiveServer, tmp_path: Path
) -> None:
    secure_web.redirect("/data.zip", secure_web.url("/real.zip", "other.example"))
    secure_web.serve("/real.zip", zipped())
    with pytest.raises(SourceFailed, match="its certificate is not valid"):
        fetch(secure_web.url("/data.zip", "files.example"), tmp_path, ("files.example", "other.example"))
    assert [path for path, _ in secure_web.seen] == ["/data.zip"]


def test_a_redirect_from_https_to_http_is_refused(
    secure_web: ArchiveServer, web: ArchiveServer, tmp_path: Path
) -> None:
    web.serve("/data.zip", zipped())
    secure_web.redirect("/data.zip", web.url("/data.zip"))
    with pytest.raises(SourceFailed, match="redirects from https to http"):
        fetch(secure_web.url("/data.zip", "files.example"), tmp_path, ("files.example", "127.0.0.1"))
    assert web.seen == []


def test_a_redirect_from_http_to_https_is_followed(
    secure_web: ArchiveServer, web: ArchiveServer, tmp_path: Path
) -> None:
    secure_web.serve("/data.zip", zipped())
    url = web.redirect("/data.zip", secure_web.url("/data.zip", "files.example"))
    assert fetch(url, tmp_path, ("files.example", "127.0.0.1")) == FILES


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
