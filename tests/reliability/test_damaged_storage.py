"""A byte that has changed in storage is never sent as if it were right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from acceptance.server import ServerProcess
from reliability.machine import Machine, folder_of

_LARGE = bytes(range(256)) * 4 * 4096  # 4 MiB, more than one piece


@pytest.fixture
def damaged(grid: str, tmp_path: Path, own_server: ServerProcess) -> Machine:
    """A machine with a version on its server, in which the last byte of each file has changed since."""
    home = tmp_path / "ana"
    home.mkdir()
    machine = Machine(grid, home, own_server, own_server.add_user("ana"))
    assert machine.create(folder_of(home, {"small.csv": b"1,2,3", "large.bin": _LARGE})) == 1
    for content in (b"1,2,3", _LARGE):
        _spoil(own_server.data, content)
    return machine


def _spoil(data: Path, content: bytes) -> None:
    for path in data.rglob("*"):
        if path.is_file() and (at := path.read_bytes().find(content)) >= 0:
            path.chmod(0o644)
            with path.open("r+b") as file:
                file.seek(at + len(content) - 1)
                file.write(bytes([content[-1] ^ 1]))
            return
    raise AssertionError("the content is not stored as it is")


@pytest.fixture
def http(damaged: Machine) -> Iterator[httpx.Client]:
    assert damaged.server
    assert damaged.user
    with closing(httpx.Client(base_url=damaged.server.url, auth=damaged.user)) as client:
        yield client


@pytest.mark.proves("damaged-files-are-not-sent")
def test_a_damaged_file_is_refused_or_ends_before_its_length(damaged: Machine, http: httpx.Client) -> None:
    (version,) = http.get("/v1/core/local/datastores").json()["datastores"]
    files = http.get(f"/v1/core/datastores/{version['id']}/files").json()["files"]
    urls = {file["filename"]: file["url"] for file in files}
    small = http.get(urls["small.csv"])
    assert small.status_code == 500
    assert small.json()["message"].startswith("small.csv is damaged in storage, so it was not sent.")
    with http.stream("GET", urls["large.bin"]) as large:
        assert large.headers["content-length"] == str(len(_LARGE))
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            large.read()
    assert damaged.server
    said = (damaged.server.folder / "serve.log").read_text()
    assert said.count("large.bin' of the version with the id") == 1
    assert "Traceback" not in said
