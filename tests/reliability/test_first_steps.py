"""The first commands of the README and the guide, as they stand: in a home folder in which grid was never used."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
GET_STARTED = (ROOT / "docs/get-started.md").read_text("utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new home folder."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRID_")}
    return kept | {"HOME": str(home)}


@pytest.fixture
def port() -> str:
    """A port on which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return str(bound.getsockname()[1])


@pytest.fixture
def served(home: Path, port: str) -> Iterator[list[str]]:
    """What the server of the README prints at its start, on this port."""
    [words] = re.findall(r"`(grid serve --port \d+)`", README)
    command = [ROOT / ".venv/bin" / words.split()[0], *words.split()[1:-1], port]
    with subprocess.Popen(command, env=_environment(home), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield [process.stdout.readline() for _ in range(3)]
        process.terminate()
        process.stdout.read()


@pytest.mark.proves("first-steps-of-the-readme", reads=["README.md", "docs/get-started.md"])
@pytest.mark.parametrize(
    ("page", "before"), [(README, "To try it first:\n\n"), (GET_STARTED, "## Three commands\n\n[^\n]*:\n\n")]
)
def test_the_first_commands_work_as_they_stand(home: Path, page: str, before: str) -> None:
    [commands] = re.findall(rf"{before}```bash\n(.*?)```", page, re.DOTALL)
    environment = _environment(home)
    environment["PATH"] = f"{ROOT / '.venv/bin'}:{environment['PATH']}"  # the guide activates it before
    shell = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(shell, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Created version 1 of my-training-data")
    assert re.search(r"^my-training-data +1 +available", done.stdout, re.MULTILINE)
    assert "\nDeleted version 1 of my-training-data" in done.stdout
    assert [path.name for path in home.iterdir()] == [".grid"]
    assert (home / ".grid/data/catalog.sqlite").is_file()


@pytest.mark.proves("serve-of-the-readme", reads=["README.md"])
def test_a_server_has_the_api_and_the_pages_and_prints_a_link(served: list[str], port: str) -> None:
    url = served[0].split(" is running at ")[1].split()[0]
    assert url == f"http://127.0.0.1:{port}"
    link = served[2].strip()
    with httpx.Client(base_url=url, timeout=60, follow_redirects=True) as http:
        assert http.get("/v1/core/local/datastores").status_code == 401
        assert http.get("/openapi.json").json()["paths"]["/v1/core/{clusterId}/datastores"]
        assert "<h1>Sign in</h1>" in http.get("/").text
        signed_in = http.post(link, headers={"origin": url})
        assert "<h1>Datastores</h1>" in signed_in.text
        assert "<h1>Datastores</h1>" in http.get("/").text
