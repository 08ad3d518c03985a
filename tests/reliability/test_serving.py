"""Where `grid serve` listens: only where it was told to, and the link that it prints can be opened."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from grid_datastores.cli.server import serve
from reliability.machine import Machine, finished, folder_of


@contextmanager
def _serving(machine: Machine, *words: str) -> Iterator[list[str]]:
    """The first lines that it prints."""
    process = machine.start("serve", "--port=0", *words)
    assert process.stdout
    try:
        yield [process.stdout.readline() for _ in range(4)]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.proves("default-address")
def test_a_server_listens_on_this_machine_alone_unless_told() -> None:
    defaults = {parameter.name: parameter.default for parameter in serve.params}
    assert (defaults["host"], defaults["port"]) == ("127.0.0.1", 8000)


def test_an_empty_host_is_none(embedded: Machine) -> None:
    embedded.run("serve", "--host", "", "--port=0").refused("--host", "empty", code=2)
    assert not embedded.directory.exists()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1", "d" * 300, "a..b"])
def test_a_host_that_is_not_here_is_told_as_that(embedded: Machine, host: str) -> None:
    said = embedded.run("serve", "--host", host, "--port=0")
    said.refused("The server cannot listen on", "Choose another address with --host.", code=2)
    assert not embedded.directory.exists()


def test_a_port_in_use_is_a_failure(embedded: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = embedded.run("serve", f"--port={port}")
    said.refused(
        f"The server cannot listen on 127.0.0.1:{port}: address already in use. Choose another port with --port."
    )


@pytest.mark.proves("exit-code-of-serve")
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_that_is_stopped_ends_with_0(embedded: Machine, way: int) -> None:
    process = embedded.start("serve", "--port=0")
    assert process.stdout
    process.stdout.readline()
    process.send_signal(way)
    assert finished(process).code == 0


@pytest.mark.proves("first-user-of-a-used-folder")
def test_a_server_on_a_folder_that_was_used_before_makes_no_user_and_prints_no_key(embedded: Machine) -> None:
    """It prints a key only where it makes a user."""
    with _serving(embedded) as said:
        assert "key is shown only once" in said[3]
    embedded.extra = {"GRID_DIR": str(embedded.home / "used")}
    embedded.create(folder_of(embedded.home, {"a": b"1"}))
    with _serving(embedded) as said:
        assert said[3] == "If you have lost the key, create a new one with: grid user key local\n"
    assert "apiKey" in embedded.run("user", "key", "local", "-o", "json").done()


@pytest.mark.proves("api-at-the-printed-address")
def test_the_link_of_a_server_that_listens_everywhere_can_be_opened(embedded: Machine) -> None:
    with _serving(embedded, "--host=0.0.0.0") as (ready, _, link, _):
        assert " is running at http://127.0.0.1:" in ready
        assert link.strip().startswith("http://127.0.0.1:")
        address = ready.partition(" is running at ")[2].split()[0]
        assert httpx.get(f"{address}/v1/auth/user").json()["details"][0]["reason"] == "NOT_SIGNED_IN"
        assert httpx.get(link.strip()).is_success
