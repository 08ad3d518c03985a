"""What is typed goes where it belongs: options to the command that they follow, each at most once."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.metadata import version

import httpx
import pytest

from reliability.machine import Machine, folder_of

_MOUNT = ("--datastore_name=data", "--datastore_version=1")


@pytest.mark.parametrize("separator", [(), ("--",)])
def test_what_follows_the_command_of_a_run_is_its_own(stocked: Machine, separator: tuple[str, ...]) -> None:
    run = ("run", "--name=r1", *_MOUNT, *separator)
    assert stocked.run(*run, "echo", "--name", "exp7", "--help", "-h").done() == "--name exp7 --help -h\n"
    assert (
        stocked.run(*run, "printf", "%s|", "--", "a", "--datastore_version=9").done() == "--|a|--datastore_version=9|"
    )
    history = stocked.run("datastore", "show", "--name=data", "--version=1").done()
    assert "Run r1" in history
    assert "exp7" not in history


def test_an_option_of_a_run_that_there_is_none_of_is_told(stocked: Machine) -> None:
    before = stocked.state()
    stocked.run("run", "--nam=r1", *_MOUNT, "echo").refused("No such option", code=2)
    stocked.run("run", "--name=r1", "--quiet", *_MOUNT, "echo").refused("No such option", code=2)
    stocked.nothing_changed(before)


def test_what_is_given_twice_is_refused(stocked: Machine) -> None:
    before = stocked.state()
    for words in (
        ("run", "--name=a", "--name=b", *_MOUNT, "true"),
        ("datastore", "create", "stock", "--name=a", "--name=b"),
        ("datastore", "download", "--name=data", "--version=1", "--to=d1", "--to=d2"),
        ("session", "create", "s", *_MOUNT, "--datastore_mount_dir=/a", "--datastore_mount_dir=/b"),
    ):
        stocked.run(*words).refused("Give this option only once.", code=2)
    assert [path.name for path in stocked.home.iterdir() if path != stocked.directory] == ["stock"]
    stocked.nothing_changed(before)


def test_json_that_the_group_was_told_goes_to_its_command(stocked: Machine) -> None:
    assert json.loads(stocked.run("datastore", "-o", "json", "list").done())[0]["name"] == "data"
    assert json.loads(stocked.run("session", "-o", "json", "list").done()) == []
    assert stocked.run("datastore", "-o", "json", "list", "-o", "text").done().startswith("NAME")
    said = stocked.run("datastore", "-o", "json", "download", "--name=data", "--version=1")
    said.refused("download cannot print JSON", code=2)
    assert not (stocked.home / "data-1").exists()


def test_the_version_is_told(embedded: Machine) -> None:
    assert embedded.run("--version").done() == f"grid, version {version('grid-datastores')}\n"


@pytest.mark.proves("status-lists-active-runs", "status-all-lists-ended-runs")
def test_the_status_lists_runs(machine: Machine) -> None:
    (machine.home / "a.csv").write_text("1")
    machine.create("a.csv")
    assert "No Run is running" in machine.run("status").done()
    script = '"$0" status; "$0" status -o json'
    said = machine.run("run", "--name=nightly", *_MOUNT, "sh", "-c", script, machine.grid).done()
    lines = said.partition("{\n")[0].splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["NAME", "STATE"], ["nightly", "running"]]
    assert "version 1 of data" in lines[-1]
    [run] = json.loads("{" + said.partition("{")[2])["runs"]
    assert (run["name"], run["status"]["phase"]) == ("nightly", "RUN_STATE_RUNNING")
    assert "No Run is running" in machine.run("status").done()
    assert "nightly  succeeded" in machine.run("status", "--all").done()


def test_a_name_of_a_run_that_is_taken_says_how_to_free_it(embedded: Machine) -> None:
    (embedded.home / "a.csv").write_text("1")
    embedded.create("a.csv")
    again = [embedded.grid, "run", "--name=nightly", *_MOUNT, "true"]
    said = embedded.run("run", "--name=nightly", *_MOUNT, *again)
    said.refused("Run nightly already exists. Choose another name, or end it with: grid cancel nightly")
    mine = ("session", "create", "tuning", *_MOUNT)
    embedded.run(*mine).done()
    embedded.run(*mine).refused("or end it with: grid session delete tuning")


@pytest.mark.proves("looking-changes-nothing")
def test_looking_changes_nothing(stocked: Machine) -> None:
    named = ("--name=data", "--version=1")
    details = ("datastore", "show", *named, "-o", "json")
    before, shown = stocked.state(), stocked.run(*details).done()
    for words in (("",), ("show", *named), ("files", *named), ("download", *named)):
        stocked.run("datastore", *filter(None, words)).done()
    stocked.run("status").done()
    assert stocked.run(*details).done() == shown
    stocked.nothing_changed(before)


@pytest.mark.proves("api-has-the-history")
def test_the_api_returns_the_history_that_show_prints(connected: Machine) -> None:
    connected.create(folder_of(connected.home, {"a.csv": b"1"}))
    connected.run("run", "--name=nightly", *_MOUNT, "true").done()
    printed = connected.run("datastore", "show", "--name=data", "--version=1").done().partition("History:\n")[2]
    assert connected.server
    version_id = connected.listing()[0]["id"]
    with httpx.Client(base_url=connected.server.url, auth=connected.user) as http:
        events = http.get(f"/v1/core/local/datastores/{version_id}/events").json()["events"]
    lines = printed.splitlines()
    assert len(lines) == len(events) == 4
    for line, event in zip(lines, events, strict=True):
        at = datetime.fromisoformat(event["timestamp"])
        assert line.startswith(f"  {at:%Y-%m-%d %H:%M:%S} UTC  {event['kind']} by ana-"), (line, event)
