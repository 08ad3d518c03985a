"""Servers over TLS: only one whose certificate is trusted, and is its own, is told anything."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from grid_datastores.domain.errors import Unreachable
from grid_datastores.gateway.connection import Connection
from reliability.machine import Machine, Said
from reliability.nonsense import Nonsense, serving


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return made


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Nonsense]:
    """A server whose certificate is its own."""
    with serving(_certified(authority, "127.0.0.1")) as server:
        server.body = b'{"datastores": []}'
        yield server


@pytest.fixture
def pretender(authority: trustme.CA) -> Iterator[Nonsense]:
    """A server with the certificate of another."""
    with serving(_certified(authority, "grid.example")) as server:
        yield server


def _certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def _list(machine: Machine, server: Nonsense, **extra: str) -> Said:
    who = {"GRID_URL": server.url, "GRID_USER_ID": "ana", "GRID_API_KEY": "secret-key"}
    return machine.run("datastore", env=who | extra)


def test_a_server_whose_certificate_is_trusted_is_spoken_to(
    embedded: Machine, secure: Nonsense, tmp_path: Path
) -> None:
    _list(embedded, secure, SSL_CERT_FILE=str(tmp_path / "authority.pem")).done()
    assert secure.asked


def test_a_server_that_nobody_vouches_for_is_told_nothing(embedded: Machine, secure: Nonsense) -> None:
    _list(embedded, secure).refused(f"The certificate of {secure.url} is not trusted. Nothing was done.")
    assert secure.asked == []


def test_a_server_with_the_certificate_of_another_is_told_nothing(
    embedded: Machine, pretender: Nonsense, tmp_path: Path
) -> None:
    said = _list(embedded, pretender, SSL_CERT_FILE=str(tmp_path / "authority.pem"))
    said.refused(f"The certificate of {pretender.url} is not trusted. Nothing was done.")
    assert pretender.asked == []


def test_parts_go_to_addresses_with_tls_too(secure: Nonsense, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a server without: the address that it hands out is that of a bucket, say."""
    secure.headers = {"ETag": "mark"}
    with serving() as plain:
        connection = Connection(plain.url, ("ana", "secret-key"))
        with pytest.raises(Unreachable):
            connection.put_part(f"{secure.url}/part", b"1")
        connection.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        connection = Connection(plain.url, ("ana", "secret-key"))
        assert connection.put_part(f"{secure.url}/part", b"1") == "mark"
        assert connection.put_part(f"{plain.url}/part", b"1") == ""
        connection.close()
    assert secure.asked == [("PUT /part", "")]
    assert plain.asked == [("PUT /part", "")]
