"""A fetch connects to checked addresses only, over redirects and TLS too, or one sentence says why not."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.addresses import CheckedTransport
from reliability.sources.archive_server import ArchiveServer
from reliability.sources.archives import FILES, fetch, zipped


@pytest.mark.proves("allowed-source-hosts-are-fetched")
def test_this_machine_is_refused_unless_its_operator_allows_it(web: ArchiveServer, tmp_path: Path) -> None:
    url = web.serve("/data.zip", zipped())
    for allowed in ((), (f"127.0.0.1:{web.port + 1}",), ("localhost",)):
        with pytest.raises(SourceFailed, match=r"127.0.0.1 is not a public address, or it does not exist, so nothing"):
            fetch(url, tmp_path, allowed)
    assert web.seen == []
    assert fetch(url, tmp_path, (f"127.0.0.1:{web.port}",)) == FILES


def test_a_name_for_this_machine_is_refused_unless_its_operator_allows_it(web: ArchiveServer, tmp_path: Path) -> None:
    web.serve("/data.zip", zipped())
    with pytest.raises(SourceFailed, match=r"inside.example is not a public address"):
        fetch(web.url("/data.zip", "inside.example"), tmp_path)
    assert web.seen == []
    assert fetch(web.url("/data.zip", "inside.example"), tmp_path, ("inside.example",)) == FILES


@pytest.mark.proves("hosts-inside-cannot-be-probed")
def test_ports_of_a_host_inside_cannot_be_told_apart(web: ArchiveServer, tmp_path: Path) -> None:
    web.serve("/data.zip", zipped())
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = [web.port, silent.getsockname()[1], closed.getsockname()[1]]
        said = {_refusal(f"http://inside.example:{port}/data.zip", tmp_path) for port in ports}
        said.add(_refusal(f"http://inside.example:{web.port}/data.zip", tmp_path, exists=False))
        silent.setblocking(False)
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert len(said) == 1
    assert web.seen == []


def _refusal(url: str, scratch: Path, *, exists: bool = True) -> str:
    with pytest.raises(SourceFailed) as refused:
        fetch(url, scratch, (), resolve=lambda host, port: ["127.0.0.1"] if exists else [])
    return refused.value.message


@pytest.mark.proves("archives-fetched-directly")
def test_a_proxy_of_the_environment_is_no_way_around_the_check(
    web: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", web.url("/"))
    monkeypatch.setenv("ALL_PROXY", web.url("/"))
    web.answers["http://10.0.0.1/data.zip"] = lambda handler: pytest.fail("fetched through the proxy")
    with pytest.raises(SourceFailed, match=r"10.0.0.1 is not a public address"):
        fetch("http://10.0.0.1/data.zip", tmp_path, (), resolve=lambda host, port: [host])
    assert web.seen == []


@pytest.mark.proves("checked-address-is-used")
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
