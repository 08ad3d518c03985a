"""What the page about the configuration shows runs as it stands, and its settings of nginx do what it says."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from acceptance.server import ServerProcess
from acceptance.tls_proxy import PAGE, TlsProxy, free_port, shown_configuration, tls_proxy
from acceptance.waiting import wait_until
from debian import needed
from nginx import find_nginx, missing
from reliability.machine import Machine
from reliability.ui.person import sign_in

COMMANDS = re.findall(r"```bash\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.mark.proves("servers-of-the-page-start", reads=["docs/reference/configuration.md"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.partition("=")[0])
def test_a_command_of_the_page_starts_a_server_at_its_public_address(
    embedded: Machine, tmp_path: Path, command: str
) -> None:
    grid = tmp_path / "bin" / "grid"
    grid.parent.mkdir()
    grid.write_text(f'#!/bin/sh\nexec {embedded.grid} "$@" --port 0\n')  # the usual port may be in use
    grid.chmod(0o755)
    environment = embedded.environment(PATH=f"{grid.parent}:{os.environ['PATH']}")
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    with subprocess.Popen(["bash", "-c", command], cwd=embedded.home, env=environment, **streams) as process:
        try:
            assert process.stdout
            said = [process.stdout.readline() for _ in range(3)]
            assert said[2].strip().startswith("https://grid.example/sign-in/"), said
        finally:
            os.killpg(process.pid, signal.SIGTERM)
    assert len(COMMANDS) == 2


@pytest.fixture
def proxy(own_server: ServerProcess, tmp_path: Path) -> Iterator[TlsProxy]:
    """The nginx of the page, before a server."""
    if find_nginx() is None:
        assert not needed(), missing()
        pytest.skip(missing())
    port = free_port()
    own_server.operate({"GRID_PUBLIC_URL": f"https://127.0.0.1:{port}"})
    with tls_proxy(tmp_path / "proxy", own_server.url, port) as started:
        yield started


def _connected(proxy: TlsProxy) -> ssl.SSLSocket:
    url = urlsplit(proxy.url)
    plain = socket.create_connection((url.hostname, url.port), timeout=30)
    return ssl.create_default_context(cafile=proxy.authority).wrap_socket(plain, server_hostname=url.hostname)


@pytest.mark.proves("nginx-passes-data-on-at-once", reads=["docs/reference/configuration.md"])
def test_half_a_part_arrives_at_the_server_at_once(proxy: TlsProxy, own_server: ServerProcess) -> None:
    with httpx.Client(base_url=own_server.url, auth=own_server.add_user("ana")) as http:
        made = http.post("/v1/core/local/datastores", json={"name": "data", "spec": {}}).json()
        place = f"/v1/core/local/datastores/{made['id']}/presigned-urls"
        announced = http.post(place, json={"objects": [{"key": "a", "partCount": "1"}]}).json()
    url = urlsplit(announced["objects"][0]["urls"][0]["url"])
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 4000000\r\n\r\n"
    with _connected(proxy) as connection:
        connection.sendall(head.encode() + bytes(2_000_000))
        held = own_server.data / made["id"]
        wait_until(lambda: any(file.stat().st_size for file in held.iterdir()), "the server writes what has arrived")


@pytest.mark.proves("nginx-passes-data-on-at-once", reads=["docs/reference/configuration.md"])
def test_half_an_answer_arrives_at_the_client_at_once(tmp_path: Path) -> None:
    if find_nginx() is None:
        assert not needed(), missing()
        pytest.skip(missing())
    with socket.create_server(("127.0.0.1", 0)) as slow:
        address = f"http://127.0.0.1:{slow.getsockname()[1]}"
        with tls_proxy(tmp_path / "proxy", address, free_port()) as proxy, _connected(proxy) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: grid.example\r\n\r\n")
            slow.settimeout(30)
            answering, _ = slow.accept()
            answering.recv(65536)
            answering.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            seen = b""
            while b"half" not in seen:
                seen += connection.recv(65536)
            answering.close()


@pytest.mark.proves("nginx-ends-slow-downloads", reads=["docs/reference/configuration.md"])
def test_nginx_ends_a_download_whose_client_takes_nothing_for_the_time_of_the_page(tmp_path: Path) -> None:
    if find_nginx() is None:
        assert not needed(), missing()
        pytest.skip(missing())
    shortened, count = re.subn(r"send_timeout 5m;", "send_timeout 1s;", shown_configuration())
    assert count == 1
    with socket.create_server(("127.0.0.1", 0)) as server:
        behind = f"http://127.0.0.1:{server.getsockname()[1]}"
        with tls_proxy(tmp_path / "proxy", behind, free_port(), shortened) as proxy, _connected(proxy) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: grid.example\r\n\r\n")
            server.settimeout(30)
            answering, _ = server.accept()
            with answering:
                answering.settimeout(30)
                answering.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                with pytest.raises(ConnectionError):
                    answering.sendall(bytes(100_000_000))


@pytest.mark.proves("browser-upload-is-stored-before-the-answer")
def test_the_answer_to_the_files_of_a_browser_comes_when_they_are_stored(own_server: ServerProcess) -> None:
    ana = sign_in(own_server, "ana")
    with closing(ana.http), closing(ana.api):
        answer = ana.http.post("/upload", data={"name": "data"}, files={"files": ("a.csv", b"1,2\n")})
        assert answer.headers["location"].startswith("/datastores/data/versions/1"), answer.text
        assert ana.api.listed("data") == [(1, "available")]
