"""Whoever signed in somewhere works there, or is told that it is not known where: never on this machine unawares."""

from __future__ import annotations

import json

import pytest

from reliability.machine import Machine, folder_of

WHOLE = {"URL": "http://127.0.0.1:9", "UserID": "ana", "APIKey": "key"}
DAMAGED = [
    {"URL": 5, "UserID": []},
    {"UserID": "x", "APIKey": "y"},
    {},
    WHOLE | {"URL": ""},
    WHOLE | {"APIKey": None},
    WHOLE | {"Cluster": 1},
    ["URL"],
]


def _keep(machine: Machine, content: object) -> None:
    machine.directory.mkdir(exist_ok=True)
    (machine.directory / "credentials.json").write_text(json.dumps(content))


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_credentials_stop_every_command_that_needs_them(embedded: Machine, content: object) -> None:
    embedded.create(folder_of(embedded.home, {"a.csv": b"1"}))
    _keep(embedded, content)
    for words in (("datastore",), ("datastore", "delete", "--name", "data", "--version", "1"), ("status",)):
        embedded.run(*words).refused("credentials.json is damaged. Sign in again with: grid login --url URL")
    assert "available" in embedded.run("datastore", env={"GRID_URL": ""}).done()


def test_credentials_that_nobody_needs_are_not_read(embedded: Machine) -> None:
    _keep(embedded, DAMAGED[0])
    assert "You have 0 of 50 versions." in embedded.run("status", env={"GRID_URL": ""}).done()
    whole = {"GRID_URL": WHOLE["URL"], "GRID_USER_ID": "ana", "GRID_API_KEY": "key"}
    embedded.run("status", env=whole).refused("No server answers at http://127.0.0.1:9")
    embedded.run("status", env={"GRID_URL": WHOLE["URL"]}).refused("is damaged")


@pytest.mark.parametrize("cluster", ["../x", "a/b", "a?b", "a b", "-a", "é"])
def test_a_cluster_is_an_id(embedded: Machine, cluster: str) -> None:
    _keep(embedded, WHOLE)
    said = embedded.run("status", env={"GRID_CLUSTER_ID": cluster})
    said.refused("GRID_CLUSTER_ID is not a cluster id: ", code=2)
    _keep(embedded, WHOLE | {"Cluster": cluster})
    embedded.run("status").refused("credentials.json is damaged")
