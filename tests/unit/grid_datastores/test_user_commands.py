"""What the operator's commands for users and keys do and print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from in_process import Terminal
from listed import listed

from grid_datastores.domain.model import Source, SourceKind, WorkloadKind
from grid_datastores.domain.sign_ins import Client, SignInKind
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@contextmanager
def _service(terminal: Terminal) -> Iterator[Service]:
    folder = terminal.home / ".grid"
    service = open_service(Settings(folder, folder / "data" / "catalog.sqlite", Limits()), lambda: None)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture
def operator(terminal: Terminal) -> Terminal:
    """An operator whose server has the users admin and eve; eve has version 1 of data, and is signed in twice."""
    for name in ("admin", "eve"):
        terminal.done("user", "add", name)
    with _service(terminal) as service:
        service.accounts.ensure_signing_key()
        eve = service.accounts.named("eve")
        service.uploads.create(eve, "data", Source(SourceKind.FILES, "/home/eve/data"), ())
        service.accounts.new_token(eve, client=Client(SignInKind.BROWSER, "192.0.2.7", FIREFOX))
        service.accounts.new_token(eve, client=Client(SignInKind.TOKEN, "192.0.2.8", "python-requests/2.32"))
    return terminal


@pytest.mark.parametrize("words", [("add", "bob"), ("key", "eve"), ("list",)])
def test_each_command_closes_the_catalog(operator: Terminal, words: tuple[str, ...]) -> None:
    data = operator.home / ".grid" / "data"
    assert not list(data.glob("*-wal"))
    operator.done("user", *words)
    assert not list(data.glob("*-wal"))


def test_a_user_is_removed_with_a_receipt(operator: Terminal) -> None:
    refused = operator.type("user", "remove", "eve")
    assert refused.code == 1
    assert "User eve has 1 version, so they were not removed. Nothing was changed." in refused.err
    assert "grid user remove eve --delete-versions" in refused.err
    said = operator.done("user", "remove", "eve", "--delete-versions")
    assert said == (
        "Deleted version 1 of data: 0 files, 0 bytes. This cannot be undone.\n"
        "User eve is removed. 1 version was deleted.\n"
    )
    assert [user["name"] for user in operator.json("user", "list")] == ["admin"]
    assert list((operator.home / ".grid" / "data" / "versions").iterdir()) == []
    assert "There is no user eve" in operator.type("user", "remove", "eve").err


def test_a_removal_is_also_printed_as_json(operator: Terminal) -> None:
    with _service(operator) as service:
        eve = service.accounts.named("eve")
        (version,) = listed(service, eve)
        service.workloads.start(eve, WorkloadKind.SESSION, "empty", {})
    removed = operator.json("user", "remove", "eve", "--delete-versions")
    assert (removed["id"], removed["name"], removed["endedWorkloads"]) == (eve.id, "eve", 1)
    assert removed["mayHaveCopies"] is False
    (deleted,) = removed["deleted"]
    assert (deleted["id"], deleted["name"], deleted["version"]) == (version.id, "data", 1)
    assert deleted["deletedAt"] == removed["removedAt"]


def test_a_user_in_use_stays(operator: Terminal) -> None:
    with _service(operator) as service:
        eve = service.accounts.named("eve")
        (version,) = listed(service, eve)
        service.workloads.start(eve, WorkloadKind.SESSION, "tuning", {version.id: ""})
    refused = operator.type("user", "remove", "eve", "--delete-versions")
    assert refused.code == 1
    assert (
        "User eve was not removed, and nothing was deleted: version 1 of data of theirs is in use."
        " eve can release it:\n  grid session delete tuning  # Session tuning (running since "
    ) in refused.err


@pytest.mark.proves("operator-lists-and-ends-sign-ins")
def test_sign_ins_are_listed_and_ended(operator: Terminal) -> None:
    header, *rows = operator.done("user", "sign-ins", "eve").splitlines()
    assert header.split() == ["WHAT", "SINCE", "LAST", "USED", "EXPIRES", "FROM"]
    assert [row.split("  ")[0] for row in rows] == ["python-requests/2.32 (API token)", "Firefox on Linux (browser)"]
    assert [row.split()[-1] for row in rows] == ["192.0.2.8", "192.0.2.7"]
    listed = operator.json("user", "sign-ins", "eve")
    assert [(one["client"], one["kind"], one["userAgent"]) for one in listed] == [
        ("python-requests/2.32", "API token", "python-requests/2.32"),
        ("Firefox on Linux", "browser", FIREFOX),
    ]
    said = operator.done("user", "sign-ins", "eve", "--end")
    assert said == "2 sign-ins of user eve ended.\nTheir key stays valid. To replace it: grid user key eve\n"
    assert "User eve is not signed in." in operator.done("user", "sign-ins", "eve")
    assert "User eve was not signed in. Nothing was changed." in operator.done("user", "sign-ins", "eve", "--end")
    assert "There is no user bob" in operator.type("user", "sign-ins", "bob").err


def test_the_signing_key_is_rotated_where_a_server_has_run(operator: Terminal, tmp_path: Path) -> None:
    said = operator.done("admin", "rotate-signing-key")
    assert said.startswith("The signing key is replaced. All URLs that were signed before are invalid.\n")
    nowhere = operator.type("admin", "rotate-signing-key", GRID_DIR=str(tmp_path / "other"))
    assert (nowhere.code, nowhere.out) == (1, "")
    assert "No server has run on this folder" in nowhere.err
