"""A byte that has changed in storage is never sent as if it were right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from acceptance.server import ServerProcess
from reliability.machine import Machine, folder_of
from reliability.ui.person import at

_LARGE = bytes(range(256)) * 4 * 4096  # 4 MiB, more than one piece


@pytest.fixture
def damaged(grid: str, tmp_path: Path, own_server: ServerProcess) -> Machine:
    """A machine with a version on its server, in which the last byte of each file has changed since."""
    home = tmp_path / "ana"
    home.mkdir()
    machine = Machine(grid, home, own_server, own_server.add_user("ana"))
    assert machine.create(folder_of(home, {"small.csv": b"1,2,3", "large.bin": _LARGE})) == 1
    for content in (b"1,2,3", _LARGE):
        _spoil(own_server.data, content, at=len(content) - 1)
    return machine


def _spoil(data: Path, content: bytes, at: int) -> None:
    """Change one byte of the content where it is stored."""
    for path in data.rglob("*"):
        if path.is_file() and (found := path.read_bytes().find(content)) >= 0:
            path.chmod(0o644)
            with path.open("r+b") as file:
                file.seek(found + at)
                file.write(bytes([content[at] ^ 1]))
            return
    raise AssertionError("the content is not stored as it is")


def _restore(data: Path, content: bytes) -> None:
    """Change the last byte back."""
    damaged = content[:-1] + bytes([content[-1] ^ 1])
    _spoil(data, damaged, at=len(damaged) - 1)


@pytest.fixture
def http(damaged: Machine) -> Iterator[httpx.Client]:
    assert damaged.server
    assert damaged.user
    with closing(httpx.Client(base_url=damaged.server.url, auth=damaged.user)) as client:
        yield client


def test_a_download_of_damaged_data_says_what_to_do(damaged: Machine) -> None:
    assert damaged.server
    words = ("datastore", "download", "--name", "data", "--version", "1")
    _restore(damaged.server.data, _LARGE)
    damaged.run(*words).refused("small.csv does not match its SHA-256: it is damaged in storage, so it was not sent.")
    _restore(damaged.server.data, b"1,2,3")
    _spoil(damaged.server.data, _LARGE, at=len(_LARGE) - 1)
    damaged.run(*words).refused(
        f"The server at {damaged.server.url} stopped answering before the data was complete. Try again. If this"
        " repeats, ask its operator: if the data is damaged, the server's log says so."
    )
    assert not (damaged.home / "data-1").exists()


@pytest.mark.proves("damaged-files-are-not-sent", "damaged-objects-are-not-sent", "damage-is-logged-once")
def test_what_is_damaged_is_refused_or_ends_before_its_length(damaged: Machine, http: httpx.Client) -> None:
    assert damaged.server
    (version,) = http.get("/v1/core/local/datastores").json()["datastores"]
    files = http.get(f"/v1/core/datastores/{version['id']}/files").json()["files"]
    urls = {file["filename"]: file["url"] for file in files}
    small = http.get(urls["small.csv"])
    assert small.status_code == 500
    assert small.json()["message"].startswith(
        "small.csv does not match its SHA-256: it is damaged in storage, so it was not sent."
    )
    whole = f"/v1/core/local/datastores/{version['id']}"
    objects = {json.loads(line)[3] for line in http.get(f"{whole}/manifest").text.splitlines()}
    for url in (urls["large.bin"], urls["large.bin"], *(f"{whole}/objects/{name}" for name in objects)):
        _ends_early(http, url)
    with closing(at(damaged.server)) as browser:
        assert damaged.user
        browser.post("/sign-in", data={"name": damaged.user.user_id, "key": damaged.user.api_key})
        _ends_early(browser, "/datastores/data/versions/1/download")
    _spoil(damaged.server.data, b'["small.csv"', at=4)
    for _ in range(2):
        refused = http.get(f"{whole}/manifest")
        assert (refused.status_code, refused.json()["details"][0]["reason"]) == (500, "DATA_DAMAGED")
    _is_logged_once(damaged.server, version["id"], ["the list of files", "'large.bin'", "'small.csv'"])


def _ends_early(http: httpx.Client, url: str) -> None:
    """The answer ends before the length that it announced; or it is a refusal."""
    with http.stream("GET", url) as answer:
        if answer.status_code == httpx.codes.OK:
            assert int(answer.headers["content-length"]) > 0
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
                answer.read()
        else:
            assert answer.status_code == 500


def _is_logged_once(server: ServerProcess, version_id: str, damaged: list[str]) -> None:
    lines = (server.folder / "serve.log").read_text().splitlines()
    told = [line.partition(" of the version with the id ")[0].rpartition(": ")[2] for line in lines]
    assert all("is damaged in storage and is not sent. Restore it from a backup." in line for line in lines), lines
    assert all(f" {version_id} " in line for line in lines)
    assert sorted(told) == sorted(damaged)
