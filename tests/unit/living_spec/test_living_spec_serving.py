"""`living-spec serve`: the pages before the results, then with them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from living_spec_project import STEPS

from acceptance.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from living_spec_project import Project

_WAITING = """
import pathlib, time

def wait_for_the_test():
    while not pathlib.Path("go").exists():
        time.sleep(0.05)

"""


@contextmanager
def _serving(project: Project, address: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "from living_spec.cli import main; main()", "serve", "--address", address]
    with subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


def _free_address() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.proves("pages-at-once-results-later")
def test_the_pages_are_served_before_the_run_and_show_its_results_after_it(project: Project) -> None:
    waits = STEPS.replace("def _(shelf, item, evidence):", "def _(shelf, item, evidence):\n    wait_for_the_test()")
    project.write("tests/test_tiny.py", _WAITING + waits)
    address = _free_address()

    def page() -> str:
        with urlopen(f"http://{address}/") as answer:
            return str(answer.read().decode())

    with _serving(project, address) as server:
        assert server.stdout
        assert server.stdout.readline() == f"The site is at http://{address} (stop it with Ctrl-C).\n"
        before = page()
        assert "not run yet" in before
        assert "holds" not in before
        (project.root / "go").touch()
        wait_until(lambda: "holds" in page() and "not run yet" not in page(), "the results on the page")
        said = []
        while not (said and said[-1].startswith("All results are fresh.")):
            said.append(server.stdout.readline())
        assert [line for line in said if line.startswith("Running")] == [
            "Running the scenarios on API …\n",
            "Running the scenarios on CLI …\n",
        ]
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    with pytest.raises(OSError, match="refused"):
        page()


def test_an_address_that_is_taken_is_refused_in_one_sentence(project: Project) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        done = project.living_spec("serve", "--address", f"127.0.0.1:{port}")
    assert done.code == 1
    reason = os.strerror(98)
    assert done.output == f"Error: Cannot serve at 127.0.0.1:{port}: {reason}. Choose another address with --address.\n"


@pytest.mark.parametrize("address", ["nowhere", ":8000", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"])
def test_what_is_no_address_is_a_usage_error(project: Project, address: str) -> None:
    done = project.living_spec("serve", "--address", address)
    assert done.code == 2
    assert f"'{address}' is no address. Give HOST:PORT, for example 127.0.0.1:8000." in done.output
