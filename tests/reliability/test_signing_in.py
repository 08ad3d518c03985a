"""Signing in and out: the key need not be typed where others see it, and what goes before it is told."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from reliability.machine import Machine, finished


@pytest.fixture
def login(connected: Machine) -> list[str]:
    assert connected.server
    return ["login", "--url", connected.server.url]


_BARE = {"GRID_USER_ID": "", "GRID_API_KEY": ""}


def test_who_signs_in_may_stand_in_the_environment(connected: Machine, login: list[str]) -> None:
    assert "Signed in to" in connected.run(*login).done()
    assert connected.user
    assert connected.user.api_key in (connected.directory / "credentials.json").read_text()
    connected.run(*login, env={"GRID_API_KEY": ""}).refused("Give your API key", "--key -", "GRID_API_KEY", code=2)
    connected.run(*login, env={"GRID_USER_ID": ""}).refused("Give your user name", "GRID_USER_ID", code=2)


@pytest.mark.proves("status-names-server-and-user")
def test_status_says_where_commands_work_and_as_whom(connected: Machine, login: list[str]) -> None:
    assert connected.server
    connected.run(*login).done()
    told = json.loads(connected.run("status", "-o", "json", env={"GRID_URL": connected.server.url}).done())
    name = told["user"]
    assert name.startswith("ana-")
    assert told["place"] == connected.server.url
    assert connected.run("status").done().startswith(f"Working on {connected.server.url} as {name}.\n")
    alone = connected.run("status", env={"GRID_URL": ""}).done()
    assert alone.startswith(f"Working on this machine ({connected.directory / 'data'}).\n")


def test_no_version_is_made_of_the_credentials(connected: Machine, login: list[str]) -> None:
    connected.run(*login).done()
    (connected.home / "link").symlink_to(".grid/credentials.json")
    for source in (".grid/credentials.json", "link"):
        said = connected.run("datastore", "create", source, "--name", "data")
        said.refused("grid stores its own data and credentials in", code=2)
    assert connected.listing() == []


def test_the_key_is_read_from_the_standard_input(connected: Machine, login: list[str]) -> None:
    assert connected.user
    words = [*login, "--username", connected.user.user_id, "--key", "-"]
    process = connected.start(*words, env=_BARE, stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(f"{connected.user.api_key}\n")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, ""), out
    assert out.startswith("Signed in to")
    connected.run(*words, env=_BARE).refused("Give your API key", code=2)


@pytest.mark.proves("key-asked-for")
def test_the_key_is_asked_for_at_a_terminal_and_not_shown(connected: Machine, login: list[str]) -> None:
    assert connected.user
    ours, theirs = os.openpty()
    words = [*login, "--username", connected.user.user_id, "--key", "-"]
    process = connected.execute(*words, env=_BARE, stdin=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    while b": " not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, f"{connected.user.api_key}\n".encode())
    said = finished(process)
    assert said.code == 0, said
    assert connected.user.api_key.encode() not in shown + os.read(ours, 1024)
    os.close(ours)


def test_what_goes_before_the_credentials_is_told(connected: Machine, login: list[str]) -> None:
    assert connected.user
    words = [*login, "--username", connected.user.user_id, "--key", connected.user.api_key]
    assert connected.run(*words).done()
    env = {"GRID_URL": "http://127.0.0.1:1", "GRID_API_KEY": "old", "GRID_USER_ID": "", "GRID_CLUSTER_ID": "local"}
    said = connected.run(*words, env=env)
    assert said.code == 0, said
    warning = "Warning: GRID_URL and GRID_API_KEY are set and override these credentials."
    assert said.err == f"{warning} To use the credentials, unset them.\n"


def test_an_address_below_that_of_a_server_is_told(connected: Machine) -> None:
    assert connected.server
    url = f"{connected.server.url}/foo"
    connected.run("login", "--url", url).refused(
        "answered 404 Not Found.", f"{url} is not the address of a Grid server"
    )
    assert not connected.directory.exists()


@pytest.mark.proves("logout-forgets-the-credentials", "logout-removes-credentials")
def test_signing_out_removes_what_was_kept(connected: Machine, login: list[str]) -> None:
    assert connected.server
    assert connected.user
    connected.run(*login).done()
    kept = connected.directory / "credentials.json"
    said = connected.run("logout", env={"GRID_URL": ""}).done()
    assert said.startswith(f"Signed out of {connected.server.url} (you were {connected.user.user_id})")
    assert not kept.exists()
    assert connected.run("logout", env={"GRID_URL": ""}).done() == "You were not signed in. Nothing was changed.\n"
    kept.write_text("{")
    assert "removed" in connected.run("logout", env={"GRID_URL": ""}).done()
    assert not kept.exists()
    said = connected.run("logout").done()
    assert "GRID_URL" in said


def test_a_user_is_added_where_it_is_told(connected: Machine) -> None:
    said = connected.run("user", "add", "kim").done()
    assert f"User kim is added in {connected.directory / 'data'}." in said
    assert said.endswith("--username kim --key -\n")
