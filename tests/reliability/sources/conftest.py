"""Web servers that versions are made from, on this machine."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from grid_datastores.sources import addresses
from reliability.sources.archive_server import ArchiveServer

CERTIFIED = "files.example"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse names at once."""
    monkeypatch.setattr(addresses, "REFUSAL_TIME", 0.0)


@pytest.fixture
def web() -> Iterator[ArchiveServer]:
    """A web server over HTTP."""
    server = ArchiveServer()
    yield server
    server.stop()


@pytest.fixture
def secure_web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchiveServer]:
    """A web server over HTTPS whose certificate is for files.example, by an authority that is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(CERTIFIED).configure_cert(context)
    server = ArchiveServer(context)
    yield server
    server.stop()
