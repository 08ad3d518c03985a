"""The id of a version that a server sends is never a path on this machine."""

from __future__ import annotations

import json

import pytest

from grid_datastores.storage import Manifest
from reliability.machine import Machine, folder_of
from reliability.nonsense import serving
from reliability.test_bad_servers import ONE_VERSION

_RECEIPT = {
    "name": "data",
    "version": 1,
    "source": "source",
    "sourceType": "DATASTORE_SOURCE_TYPE_EXPANDED_FILES",
    "fileCount": "1",
    "sizeBytes": "1",
    "deletedAt": "2026-01-01T00:00:00Z",
    "kept": [],
    "quotaBefore": {"used": 1, "limit": 50},
    "quotaAfter": {"used": 0, "limit": 50},
}
_VERSION = ("--name", "data", "--version", "1")
_MOUNT = ("--name", "nightly", "--datastore_name", "data", "--datastore_version", "1")


@pytest.mark.parametrize("command", ["run", "delete"])
@pytest.mark.parametrize("wanted", ["../prey", "../../prey", "{home}/prey", "..", ".", "", "a/../../prey", "a\n"])
def test_a_servers_id_is_no_path_here(embedded: Machine, wanted: str, command: str) -> None:
    """Neither `grid run` nor `grid datastore delete` touches a folder that is not of a mount."""
    for folder in (embedded.home, embedded.directory, embedded.directory / "cache", embedded.directory / "cache" / "a"):
        folder.mkdir(exist_ok=True)
    prey = [folder_of(place, {"x": b"mine"}, "prey") for place in (embedded.home, embedded.directory)]
    evil = wanted.format(home=embedded.home)
    with serving() as server:
        embedded.extra = {"GRID_URL": server.url, "GRID_USER_ID": "ana", "GRID_API_KEY": "key"}
        server.special["/manifest"] = Manifest.of([]).encode()
        server.body = json.dumps(
            {
                "id": "1",
                "name": "nightly",
                "createdAt": ONE_VERSION["createdAt"],
                "spec": {},
                "status": {"phase": "RUN_STATE_RUNNING"},
                "datastores": [{**ONE_VERSION, "id": evil}],
                "receipt": _RECEIPT | {"id": evil},
            }
        ).encode()
        if command == "run":
            embedded.run(
                "run", "--name", "nightly", "--datastore_name", "data", "--datastore_version", "1", "--", "true"
            ).refused()
        else:
            assert "Traceback" not in embedded.run("datastore", "delete", *_VERSION).err
    assert [(folder / "x").read_bytes() for folder in prey] == [b"mine", b"mine"]
    assert [path.name for path in (embedded.directory / "cache").iterdir()] == ["a"]
