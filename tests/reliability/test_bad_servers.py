"""A server that is not there, answers nonsense or sends elsewhere: one sentence, and no key for a stranger."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from hashlib import sha256

import pytest

from reliability.machine import Machine, Said, folder_of
from reliability.nonsense import Nonsense, serving

COMMANDS = [
    ("datastore",),
    ("status",),
    ("datastore", "create", "source", "--name", "data"),
    ("datastore", "show", "--name", "data", "--version", "1"),
    ("datastore", "download", "--name", "data", "--version", "1"),
    ("datastore", "delete", "--name", "data", "--version", "1"),
    ("session", "create", "tuning", "--datastore_name", "data", "--datastore_version", "1"),
    ("session", "delete", "tuning"),
]
ANSWERS = {
    "a page": b"<!doctype html><title>Welcome</title>",
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a word": b'"yes"',
    "another shape": b'{"datastores": [{"id": 7}], "sessions": {"a": 1}, "token": []}',
    "wrong types": b'{"datastores": 7, "sessions": 7, "used": "x", "limit": null}',
    "no text": b"\xff\xfe\x00",
    "a deep nest": b"[" * 100_000,
}
ONE_VERSION = {
    "id": "0" * 32,
    "name": "data",
    "createdAt": "2026-01-01T00:00:00Z",
    "spec": {"version": 1, "sourceType": "DATASTORE_SOURCE_TYPE_EXPANDED_FILES"},
    "status": {"phase": "DATASTORE_OPTIMIZATION_STATUS_SUCCEEDED"},
}


@pytest.fixture
def nonsense() -> Iterator[Nonsense]:
    with serving() as server:
        yield server


@pytest.fixture
def home(embedded: Machine) -> Machine:
    """A machine with a folder to upload."""
    folder_of(embedded.home, {"a.csv": b"1"})
    return embedded


def _run(machine: Machine, url: str, *words: str, **extra: str) -> Said:
    return machine.run(*words, env={"GRID_URL": url, "GRID_USER_ID": "ana", "GRID_API_KEY": "secret-key"} | extra)


def _left(machine: Machine) -> list[str]:
    kept = [path for path in machine.directory.rglob("*") if not path.is_dir()]
    return sorted(path.name for path in [*machine.home.iterdir(), *kept] if path != machine.directory)


def test_a_server_that_is_not_there_is_told(home: Machine) -> None:
    with socket.socket() as taken:  # bound, so that nobody else is there; not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        for words in [*COMMANDS, ("login", "--url", url, "--username", "ana", "--key", "k")]:
            _run(home, url, *words).refused(f"No server answers at {url}. Nothing was done.")
    assert _left(home) == ["source"]


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://127.0.0.1", "file:///etc/passwd", "http://", "http://[", "http://a b"]
)
def test_an_address_that_is_none_is_told(home: Machine, url: str) -> None:
    for words in (("datastore",), ("login", "--url", url, "--username", "ana", "--key", "k")):
        said = _run(home, url, *words)
        said.refused("is not the address of a server", code=2)
    assert _left(home) == ["source"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_makes_no_sense_is_told(home: Machine, nonsense: Nonsense, answer: str) -> None:
    nonsense.body = ANSWERS[answer]
    login = ("login", "--url", nonsense.url, "--username", "ana", "--key", "k")
    some = COMMANDS if answer in ("another shape", "wrong types") else [COMMANDS[0], COMMANDS[2], COMMANDS[5]]
    for words in [*some, login]:
        said = _run(home, nonsense.url, *words)
        said.refused(f"The answer of {nonsense.url} is not valid. Is it a server with Grid's v1 API?")
    assert _left(home) == ["source"]


def test_sense_at_first_and_nonsense_then_is_told(home: Machine, nonsense: Nonsense) -> None:
    """The first answer lets the command begin; the same answer makes no sense to its second question."""
    nonsense.body = json.dumps({**ONE_VERSION, "datastores": [ONE_VERSION], "sessions": []}).encode()
    for words in COMMANDS[2:7]:
        _run(home, nonsense.url, *words).refused(f"The answer of {nonsense.url} is not valid")
    _run(home, nonsense.url, "datastore", "clearcache").done()  # the upload could have gone on
    assert _left(home) == ["source"]


def test_a_server_that_gives_no_receipt_has_deleted(home: Machine, nonsense: Nonsense) -> None:
    """Grid's own API answers a deletion with an empty object."""
    nonsense.body = json.dumps({"datastores": [ONE_VERSION]}).encode()
    nonsense.special[f"/datastores/{ONE_VERSION['id']}"] = b"{}"
    said = _run(home, nonsense.url, *COMMANDS[5]).done()
    assert said == "Deleted version 1 of data. This cannot be undone. The server gave no receipt.\n"
    assert json.loads(_run(home, nonsense.url, *COMMANDS[5], "-o", "json").done()) == {
        **{"name": "data", "version": 1, "deleted": True, "dryRun": False}
    }
    assert [asked.split()[0] for asked, _ in nonsense.asked] == ["GET", "DELETE"] * 2


_RECEIPT = {
    **{"name": "data", "version": 1, "source": "", "sourceType": "DATASTORE_SOURCE_TYPE_EXPANDED_FILES"},
    **{"fileCount": "1", "sizeBytes": "1", "deletedAt": "2026-01-01T00:00:00Z", "kept": []},
    **{"quotaBefore": {"used": 1, "limit": 50}, "quotaAfter": {"used": 0, "limit": 50}},
}


@pytest.mark.parametrize("hostile", ["{home}/precious", "../../precious", "", ".", "..", "a/b", "a\x00", 7, None])
def test_a_receipt_with_a_path_for_an_id_removes_nothing(home: Machine, nonsense: Nonsense, hostile: object) -> None:
    """The id of what was deleted also names the folder that Runs left of it on this machine."""
    precious = folder_of(home.home, {"a": b"1"}, "precious")
    nonsense.body = json.dumps({"datastores": [ONE_VERSION]}).encode()
    name = hostile.format(home=home.home) if isinstance(hostile, str) else hostile
    receipt = json.dumps({"receipt": {**_RECEIPT, "id": name}}).encode()
    nonsense.special[f"/datastores/{ONE_VERSION['id']}"] = receipt
    said = _run(home, nonsense.url, *COMMANDS[5])
    said.refused("is not valid", "It is unknown whether the version was deleted")
    assert (precious / "a").read_bytes() == b"1"


def test_a_receipt_of_another_version_is_not_believed(home: Machine, nonsense: Nonsense) -> None:
    nonsense.body = json.dumps({"datastores": [ONE_VERSION]}).encode()
    receipt = json.dumps({"receipt": {**_RECEIPT, "id": "a", "version": 2}}).encode()
    nonsense.special[f"/datastores/{ONE_VERSION['id']}"] = receipt
    _run(home, nonsense.url, *COMMANDS[5]).refused("It is unknown whether the version was deleted")


@pytest.mark.parametrize("status", [302, 401, 404, 418, 500])
def test_a_status_without_a_word_is_told(home: Machine, nonsense: Nonsense, status: int) -> None:
    nonsense.status = status
    for words in (COMMANDS[0], COMMANDS[2], COMMANDS[5]):
        _run(home, nonsense.url, *words).refused(f"The server at {nonsense.url} answered {status}")
    assert _left(home) == ["source"]


@pytest.mark.parametrize("body", [b'{"details": "x"}', b'{"message": 7}', b'{"message": null, "details": [7]}', b"[1]"])
def test_an_error_of_another_form_is_told(home: Machine, nonsense: Nonsense, body: bytes) -> None:
    nonsense.status, nonsense.body = 500, body
    _run(home, nonsense.url, "datastore").refused(f"The server at {nonsense.url} answered 500")


def test_control_codes_of_a_server_are_shown_not_obeyed(home: Machine, nonsense: Nonsense) -> None:
    nonsense.status = 400
    nonsense.body = json.dumps({"message": "a\x1b[2Jb\nError: c", "details": []}).encode()
    said = _run(home, nonsense.url, "datastore")
    said.refused("a\\x1b[2Jb\\nError: c")


def test_a_connection_that_ends_in_the_middle_is_told(home: Machine, nonsense: Nonsense) -> None:
    nonsense.body, nonsense.cut = b'{"datastores": [', True
    _run(home, nonsense.url, "datastore").refused("stopped answering.")
    nonsense.special["/v1/auth/user"] = b'{"id": "ana"}'
    _run(home, nonsense.url, *COMMANDS[2]).refused("stopped answering. It is unknown whether the change was made")
    del nonsense.special["/v1/auth/user"]
    said = _run(home, nonsense.url, "login", "--url", nonsense.url, "--username", "ana", "--key", "k")
    said.refused("stopped answering.")
    assert "not known" not in said.err


def test_a_redirection_is_not_followed_and_no_key_goes_along(home: Machine, nonsense: Nonsense) -> None:
    with serving() as stranger:
        for status in (302, 307):
            nonsense.status, nonsense.headers = status, {"Location": f"{stranger.url}/v1/elsewhere"}
            for words in [COMMANDS[0], COMMANDS[5], ("login", "--url", nonsense.url, "--username", "a", "--key", "k")]:
                _run(home, nonsense.url, *words).refused(f"answered {status}")
        assert nonsense.asked
        assert stranger.asked == []


def test_a_proxy_that_wants_tls_is_told_with_its_address(home: Machine, nonsense: Nonsense) -> None:
    login = ("login", "--url", nonsense.url, "--username", "a", "--key", "k")
    nonsense.status, nonsense.headers = 301, {"Location": "https://127.0.0.1/v1/auth/login"}
    _run(home, nonsense.url, *login).refused("answered 301", "Use the address https://127.0.0.1 instead.")
    nonsense.headers = {"Location": "https://evil.example/v1/auth/login"}
    assert "evil.example" not in _run(home, nonsense.url, *login).err


def test_a_part_goes_to_the_address_that_was_given_without_the_key(home: Machine, nonsense: Nonsense) -> None:
    with serving() as stranger:
        urls = [{"partNumber": "1", "url": f"{stranger.url}/part"}]
        upload = {"key": "k", "uploadId": "u", "partCount": "1", "urls": urls}
        nonsense.body = json.dumps({**ONE_VERSION, "objects": [upload]}).encode()
        _run(home, nonsense.url, *COMMANDS[2]).done()
        assert stranger.asked == [("PUT /part", "")]
        assert {credentials.partition(" ")[0] for _, credentials in nonsense.asked} == {"Basic"}


def test_wrong_credentials_are_told(connected: Machine) -> None:
    before = connected.state()
    assert connected.server
    url = connected.server.url
    folder_of(connected.home, {"a": b"1"})
    for extra in (
        {"GRID_API_KEY": "wrong"},
        {"GRID_USER_ID": "nobody"},
        {"GRID_USER_ID": "a:b"},
        {"GRID_API_KEY": "ü"},
    ):
        for words in (COMMANDS[0], COMMANDS[2], COMMANDS[5]):
            connected.run(*words, env=extra).refused("The user or the key is wrong. Sign in with: grid login")
    login = connected.run("login", "--url", url, "--username", "ana", "--key", "wrong")
    login.refused("The user or the key is wrong")
    connected.run("datastore", env={"GRID_API_KEY": ""}).refused("You are not signed in", "grid login --url")
    connected.run("datastore", env={"GRID_CLUSTER_ID": "other"}).refused("There is no cluster 'other'")
    assert not (connected.directory / "credentials.json").exists()
    connected.nothing_changed(before)


def test_a_key_goes_to_the_server_that_it_was_kept_for_only(connected: Machine, nonsense: Nonsense) -> None:
    assert connected.server
    assert connected.user
    bare = {"GRID_USER_ID": "", "GRID_API_KEY": ""}
    words = (
        "login",
        "--url",
        connected.server.url,
        "--username",
        connected.user.user_id,
        "--key",
        connected.user.api_key,
    )
    connected.run(*words).done()
    kept = connected.directory / "credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert connected.run("datastore", "-o", "json", env=bare).done() == "[]\n"
    said = connected.run("datastore", env=bare | {"GRID_URL": nonsense.url})
    said.refused(f"You are not signed in at {nonsense.url}")
    # Another path, another port, another scheme and another name are another server.
    for url in (f"{nonsense.url}/x", connected.server.url.replace("127.0.0.1", "localhost")):
        connected.run("datastore", env=bare | {"GRID_URL": url}).refused("You are not signed in at")
    assert nonsense.asked == []
    assert connected.user.api_key in kept.read_text()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"a"', b"\xff\xfe", b"[" * 100_000])
def test_damaged_credentials_are_told(connected: Machine, content: bytes) -> None:
    connected.directory.mkdir()
    kept = connected.directory / "credentials.json"
    kept.write_bytes(content)
    connected.run("datastore", env={"GRID_USER_ID": "", "GRID_API_KEY": ""}).refused("credentials.json", "grid login")
    assert kept.read_bytes() == content


def test_credentials_that_cannot_be_read_or_kept_are_told(connected: Machine) -> None:
    assert connected.server
    assert connected.user
    kept = connected.directory / "credentials.json"
    login = (
        "login",
        "--url",
        connected.server.url,
        "--username",
        connected.user.user_id,
        "--key",
        connected.user.api_key,
    )
    kept.mkdir(parents=True)
    connected.run("datastore", env={"GRID_API_KEY": ""}).refused("credentials.json cannot be read: is a directory.")
    connected.run(*login).refused("credentials.json cannot be written")
    assert [path.name for path in connected.directory.iterdir()] == ["credentials.json"], "the key was left behind"
    kept.rmdir()
    kept.write_text("{}")
    kept.chmod(0)
    without_key = {"GRID_API_KEY": ""}
    said = connected.run("datastore", env=without_key, powerless=True)
    said.refused("credentials.json cannot be read: permission denied.")
    kept.unlink()
    connected.directory.chmod(0o500)
    connected.run(*login, powerless=True).refused("credentials.json cannot be written: permission denied.")
    assert list(connected.directory.iterdir()) == []


def test_credentials_with_values_of_other_types_are_no_credentials(home: Machine, nonsense: Nonsense) -> None:
    home.directory.mkdir()
    content = {"URL": nonsense.url, "UserID": 7, "APIKey": ["k"]}
    (home.directory / "credentials.json").write_text(json.dumps(content))
    home.run("datastore").refused("credentials.json is damaged. Sign in again with: grid login --url URL")
    assert nonsense.asked == []


def test_a_hostile_manifest_writes_nothing_outside_the_new_folder(home: Machine, nonsense: Nonsense) -> None:
    """The last manifest is good, so that it is known that the others fail for their paths."""
    details = {"datastore": ONE_VERSION, "holders": [], "events": []}
    nonsense.body = json.dumps({"datastores": [ONE_VERSION], **details}).encode()
    nonsense.special = {"/objects/pack": b"evil"}
    digest = sha256(b"evil").hexdigest()
    for path in ("../evil", "/tmp/evil", "a/../../evil", "a\x00b", "a\nb", "", ".", "..", "a//b", "\ud800", "a\\b"):
        nonsense.special["/manifest"] = json.dumps([path, 4, digest, "pack", 0]).encode()
        _run(home, nonsense.url, *COMMANDS[4]).refused(f"The answer of {nonsense.url} is not valid")
        assert _left(home) == ["source"]
    nonsense.special["/manifest"] = json.dumps(["evil", 4, "0" * 64, "pack", 0]).encode()
    _run(home, nonsense.url, *COMMANDS[4]).refused("evil does not match its SHA-256")
    nonsense.special["/manifest"] = json.dumps(["evil", 5, digest, "pack", 0]).encode()
    _run(home, nonsense.url, *COMMANDS[4]).refused("The data arrived incomplete")
    assert _left(home) == ["source"]
    nonsense.special["/manifest"] = json.dumps(["good", 4, digest, "pack", 0]).encode()
    _run(home, nonsense.url, *COMMANDS[4]).done()
    assert (home.home / "data-1" / "good").read_bytes() == b"evil"


@pytest.mark.proves("damaged-lists-are-refused")
def test_a_list_of_files_without_the_fingerprint_of_its_version_is_refused(home: Machine, nonsense: Nonsense) -> None:
    version = {**ONE_VERSION, "spec": {**ONE_VERSION["spec"], "fingerprint": "f" * 64}}
    nonsense.body = json.dumps({"datastores": [version], "datastore": version, "holders": [], "events": []}).encode()
    nonsense.special = {"/objects/pack": b"good"}
    nonsense.special["/manifest"] = json.dumps(["good", 4, sha256(b"good").hexdigest(), "pack", 0]).encode()
    _run(home, nonsense.url, *COMMANDS[4]).refused(
        f"The list of files that {nonsense.url} sent is not that of version 1"
    )
    assert _left(home) == ["source"]
