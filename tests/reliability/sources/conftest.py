"""Servers that versions are made from: the web's and S3's, both on this machine."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from reliability.sources.archive_server import ArchiveServer
from reliability.sources.s3 import S3

CERTIFIED = "files.example"


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


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server process that speaks S3."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout
        said = iter(process.stdout.readline, "")
        url = next(found[1] for line in said if (found := re.search(r"Running on (http://\S+)", line)))
        threading.Thread(target=deque, args=(said, 0), daemon=True).start()  # else its log fills the pipe
        yield url
        process.kill()


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An S3 with nothing in it, and the environment of a server that uses it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with httpx.Client(base_url=s3_url) as client:
        server = S3(client)
        server.reset()
        yield server
