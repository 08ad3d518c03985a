"""A source that the server may not fetch is refused in the request where that is known without the network."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.domain.model import Phase, Source, SourceKind
from grid_datastores.service import open_service
from grid_datastores.settings import Limits, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from grid_datastores.service import Service

KNOWN = [
    *("127.0.0.1", "127.1", "0x7f000001", "2130706433", "10.0.0.1:8080", "169.254.169.254", "[::1]", "[::1]:80"),
    *("[::ffff:127.0.0.1]", "[fd00::1]", "localhost", "LOCALHOST:8000", "a.localhost"),
]
_getaddrinfo = socket.getaddrinfo
FETCHED_LATER = ["93.184.216.34", "example.com", "inside.example", "[2606:4700::1111]", "localhost.example.com"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A server whose operator allows two addresses; asking the network fails the test."""
    monkeypatch.setattr(socket, "getaddrinfo", _numeric_only)
    limits = Limits(allowed_hosts=("10.0.0.7:8080", "127.0.0.2"))
    opened = open_service(Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", limits), lambda: None)
    yield opened
    opened.close()


def _numeric_only(host: str, *given: Any, flags: int = 0, **named: Any) -> Any:
    assert flags & socket.AI_NUMERICHOST, f"It looks up {host}."
    return _getaddrinfo(host, *given, flags=flags, **named)


def _inside(host: str, *_given: Any, **_named: Any) -> Any:
    """Every name is one of an address inside."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))]


def _archive(host: str) -> Source:
    return Source(SourceKind.ARCHIVE, f"http://{host}/a.zip")


@pytest.mark.proves("inner-address-is-refused-at-once")
@pytest.mark.parametrize("host", KNOWN)
def test_an_address_inside_is_refused_before_it_takes_a_number(server: Service, host: str) -> None:
    ana, _ = server.accounts.add("ana")
    with pytest.raises(SourceFailed, match="is not a public address, or it does not exist, so nothing was fetched"):
        server.uploads.begin(ana, "data", _archive(host))
    assert server.uploads.begin(ana, "data", Source(SourceKind.FILES, "a")).ref.number == 1


@pytest.mark.parametrize("host", [*FETCHED_LATER, "10.0.0.7:8080", "127.0.0.2", "127.0.0.2:81"])
def test_any_other_host_is_looked_at_when_it_is_fetched(server: Service, host: str) -> None:
    ana, _ = server.accounts.add("ana")
    assert server.uploads.begin(ana, "data", _archive(host)).ref.number == 1


@pytest.mark.proves("archive-not-fetched-fails-its-version")
def test_a_name_of_an_address_inside_fails_the_version(server: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, _ = server.accounts.add("ana")
    version = server.uploads.fetch(ana, "data", _archive("inside.example"))
    monkeypatch.setattr(socket, "getaddrinfo", _inside)
    server.finishing.finish_waiting()
    failed = server.reading.get(ana, version.id)
    assert failed.phase is Phase.FAILED
    assert failed.message.startswith(
        "inside.example is not a public address, or it does not exist, so nothing was fetched"
    )
