"""A key that is lost, or was never shown, is replaced on the server's machine; the old one ends with all it opened."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from reliability.faults import SMALL_PART, SMALL_PARTS, let_through, waiting
from reliability.machine import Machine, finished, folder_of


def _signed_in(server: ServerProcess, name: str, key: str) -> httpx.Response:
    return httpx.post(f"{server.url}/v1/auth/login", json={"username": name, "apiKey": key})


def _token_opens(server: ServerProcess, token: str) -> bool:
    return httpx.get(f"{server.url}/v1/auth/user", headers={"Authorization": f"Bearer {token}"}).is_success


def _on_its_machine(server: ServerProcess, home: Path) -> Machine:
    return Machine(server.grid, home, extra={"GRID_DIR": str(server.folder)})


@pytest.mark.proves("key-for-a-user-without-one")
def test_a_server_on_the_data_of_one_person_says_how_they_get_a_key(embedded: Machine) -> None:
    embedded.create(folder_of(embedded.home, {"a.csv": b"1"}))
    process = embedded.start("serve", "--port", "0")
    try:
        assert process.stdout
        url = process.stdout.readline().split(" is running at ")[1].split()[0]
        httpx.get(url)  # answered when all is said
    finally:
        process.terminate()
        said = process.stdout.read()  # with what `readline` took beyond its line, which `communicate` would lose
        process.communicate(timeout=30)
    assert "grid user key local" in said
    embedded.run("user", "add", "local").refused("User local already exists", "grid user key local")


@pytest.mark.proves("new-key-replaces-the-old")
def test_a_new_key_opens_and_the_old_one_and_what_it_opened_do_not(own_server: ServerProcess, tmp_path: Path) -> None:
    old = own_server.add_user("ana").api_key
    other = own_server.add_user("ben").api_key
    token, others = (_signed_in(own_server, who, key).json()["token"] for who, key in (("ana", old), ("ben", other)))
    said = json.loads(_on_its_machine(own_server, tmp_path).run("user", "key", "ana", "-o", "json").done())
    assert said["name"] == "ana"
    assert _signed_in(own_server, "ana", old).status_code == 401
    assert not _token_opens(own_server, token)
    assert _signed_in(own_server, "ana", said["apiKey"]).is_success
    assert _token_opens(own_server, others)


def test_a_new_key_is_told_with_how_to_sign_in(embedded: Machine) -> None:
    embedded.run("user", "add", "ana").done()
    said = embedded.run("user", "key", "ana").done()
    assert said.startswith(
        f"User ana has a new key in {embedded.directory / 'data'}. The old key is invalid, and the user is signed out."
    )
    assert "grid login --url URL --username ana --key " in said
    embedded.run("user", "key", "eve").refused("There is no user eve", "grid user list")


@pytest.mark.proves("users-are-listed")
def test_who_the_users_are_is_listed(embedded: Machine) -> None:
    assert "There are no users" in embedded.run("user", "list").done()
    ids = [json.loads(embedded.run("user", "add", name, "-o", "json").done())["id"] for name in ("ben", "ana")]
    assert [line.split()[0] for line in embedded.run("user", "list").done().splitlines()] == ["NAME", "ana", "ben"]
    listed = json.loads(embedded.run("user", "list", "-o", "json").done())
    assert [(user["name"], user["id"]) for user in listed] == [("ana", ids[1]), ("ben", ids[0])]


@pytest.mark.proves("uploads-survive-a-rotation", "rotation-without-restart")
def test_an_upload_goes_on_when_the_signing_key_is_rotated(own_server: ServerProcess, tmp_path: Path) -> None:
    gate, home = tmp_path / "gate", tmp_path / "ana"
    home.mkdir()
    folder_of(home, {"large.bin": bytes(5 * SMALL_PART // 2)})
    put = "grid_datastores.gateway.connection:Connection.put_part"
    grid = waiting(tmp_path, gate, put, also=SMALL_PARTS)
    ana = Machine(grid, home, own_server, own_server.add_user("ana"))
    with ana.execute("datastore", "create", "source", "--name=data") as upload:
        wait_until(lambda: gate.exists() or upload.poll() is not None, "the upload is about to send a part")
        said = _on_its_machine(own_server, tmp_path).run("admin", "rotate-signing-key").done()
        assert said.startswith("The signing key is replaced. All URLs that were signed before are invalid.")
        let_through(gate, upload)
        finished(upload)
    assert upload.returncode == 0
    ana.grid = own_server.grid
    assert ana.phases() == [(1, "SUCCEEDED")]


@pytest.mark.proves("commands-need-no-sign-in")
def test_commands_that_are_signed_in_are_no_sign_ins(own_server: ServerProcess, tmp_path: Path) -> None:
    home = tmp_path / "ana"
    home.mkdir()
    ana = Machine(own_server.grid, home)
    user, key = own_server.add_user("ana")
    ana.run("login", "--url", own_server.url, "--username", user, "--key", key).done()
    operator = _on_its_machine(own_server, tmp_path)

    def sign_ins() -> list[object]:
        return list(json.loads(operator.run("user", "sign-ins", "ana", "-o", "json").done()))

    wait_until(lambda: sign_ins() == [], "the token of `grid login` has expired")
    ana.run("datastore").done()
    assert sign_ins() == []
