"""The code in pages of the guide, run as it stands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

from acceptance.server import Credentials, ServerProcess
from living_spec.prose.sentences import sentences
from reliability.machine import Machine, folder_of

ROOT = Path(__file__).parents[2]
NAME = "my-training-data"
DELETE = "docs/how-to/delete-versions.md"
SCRIPTS = "docs/how-to/scripts.md"
MISTAKE = "docs/how-to/after-a-mistake.md"
GET_STARTED = "docs/get-started.md"
API = "docs/reference/api.md"
USERS = "docs/how-to/manage-users.md"
BACK_UP = "docs/how-to/back-up.md"
# What the pages use of curl, for machines without it.
_LIKE_CURL = f"""#!{sys.executable}
import argparse, sys, httpx
options = argparse.ArgumentParser()
options.add_argument("-sS", action="store_true")
options.add_argument("--fail-with-body", action="store_true")
options.add_argument("-u")
options.add_argument("-X", default="GET")
options.add_argument("url")
given = options.parse_args()
answer = httpx.request(given.X, given.url, auth=tuple(given.u.split(":")), timeout=60)
print(answer.text, end="")
sys.exit(22 if given.fail_with_body and answer.is_error else 0)
"""


def _code(page: str) -> list[str]:
    """The blocks of code in a page, each in one line, without their fences."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    return [sentence.text.partition(" ")[2] for sentence in sentences(lines) if sentence.code]


def _blocks(page: str, language: str = "bash") -> list[str]:
    """The blocks of code in a page in this language, as they stand."""
    pattern = rf"^( *)```{language}\n(.*?)^\1```$"  # indented in tabs and boxes
    found = re.findall(pattern, (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [dedent(block) for _, block in found]


def _typed(machine: Machine, code: str, *program: str) -> subprocess.CompletedProcess[str]:
    """The code in the machine's home, by default in bash, with this project's `grid` and Python on the path."""
    environment = machine.environment()
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    if shutil.which("curl") is None:
        curl = machine.home / "bin" / "curl"
        curl.parent.mkdir(exist_ok=True)
        curl.write_text(_LIKE_CURL, "utf-8")
        curl.chmod(0o755)
        environment["PATH"] += f":{curl.parent}"
    command = [*(program or ("bash", "-euo", "pipefail", "-c")), code]
    return subprocess.run(command, cwd=machine.home, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture
def filled(connected: Machine) -> Machine:
    """A machine on a server, with versions 1 to 4."""
    for number in range(1, 5):
        folder = folder_of(connected.home, {"a.csv": b"%d" % number}, f"source-{number}")
        assert connected.create(folder, NAME) == number
    return connected


@pytest.mark.proves("request-deletes-the-version", reads=["docs/how-to/delete-versions.md"])
def test_the_request_of_the_page_deletes_the_version_with_its_id(connected: Machine) -> None:
    folder = folder_of(connected.home, {"a.csv": b"1"})
    assert [connected.create(folder) for _ in range(2)] == [1, 2]
    [code] = _code(DELETE)
    method, path = code.split()
    assert connected.server
    version_id = connected.listing()[0]["id"]
    with httpx.Client(base_url=connected.server.url, auth=connected.user) as http:
        assert http.request(method, path.replace("ID", version_id)).is_success
    assert connected.phases() == [(2, "SUCCEEDED")]


@pytest.mark.proves("command-of-scripts-as-it-stands", reads=["docs/how-to/scripts.md"])
@pytest.mark.proves("results-of-a-deletion-as-json")
def test_the_command_for_scripts_prints_a_result_for_each_version(filled: Machine) -> None:
    filled.run("session", "create", "tuning", "--datastore_name", NAME, "--datastore_version", "3").done()
    command = _blocks(SCRIPTS)[0]
    done = _typed(filled, command)
    first, third = json.loads(done.stdout)
    assert (done.returncode, first["version"], first["deleted"]) == (1, 1, True)
    assert (third["version"], third["deleted"], third["reason"]) == (3, False, "DATASTORE_IN_USE")
    assert "in use by Session tuning" in third["message"]
    assert filled.phases() == [(2, "SUCCEEDED"), (3, "SUCCEEDED"), (4, "SUCCEEDED")]
    filled.run("session", "delete", "tuning").done()
    done = _typed(filled, command.replace("--version 1 ", "--version 2 "))
    assert (done.returncode, [one["deleted"] for one in json.loads(done.stdout)]) == (0, [True, True])
    assert _typed(filled, command.replace("--version 1 --version 3", "")).returncode == 2
    assert filled.phases() == [(4, "SUCCEEDED")]


@pytest.mark.proves("curl-of-scripts-as-it-stands", reads=["docs/how-to/scripts.md"])
def test_curl_finds_the_id_and_deletes_the_version(filled: Machine) -> None:
    code = _blocks(SCRIPTS)[1]
    filled.run("session", "create", "tuning", "--datastore_name", NAME, "--datastore_version", "1").done()
    refused = _typed(filled, code)
    assert (refused.returncode, json.loads(refused.stdout)["details"][0]["reason"]) == (22, "DATASTORE_IN_USE")
    filled.run("session", "delete", "tuning").done()
    done = _typed(filled, code)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["receipt"]["version"] == 1
    assert [number for number, _ in filled.phases()] == [2, 3, 4]


@pytest.mark.proves("curl-of-the-api-page-as-it-stands", reads=["docs/reference/api.md"])
def test_curl_lists_the_versions(filled: Machine) -> None:
    done = _typed(filled, _blocks(API)[0])
    assert [one["spec"]["version"] for one in json.loads(done.stdout)["datastores"]] == [1, 2, 3, 4]


@pytest.mark.proves("python-of-scripts-as-it-stands", reads=["docs/how-to/scripts.md"])
@pytest.mark.proves("unknown-version-is-an-empty-list")
def test_the_python_of_the_page_deletes_two_versions_and_prints_refusals(filled: Machine) -> None:
    [code] = _blocks(SCRIPTS, "python")
    filled.run("session", "create", "tuning", "--datastore_name", NAME, "--datastore_version", "3").done()
    done = _typed(filled, code, sys.executable, "-c")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Version 3 of my-training-data is in use by Session tuning")
    assert [number for number, _ in filled.phases()] == [2, 3, 4]
    assert filled.server
    with httpx.Client(base_url=filled.server.url, auth=filled.user) as http:
        asked = {"name": NAME, "version": 9}
        assert http.get("/v1/core/local/datastores", params=asked).json()["datastores"] == []


@pytest.mark.proves("downloaded-version-is-uploaded-again", reads=["docs/how-to/after-a-mistake.md"])
def test_a_deleted_version_is_uploaded_again_from_a_download(embedded: Machine) -> None:
    assert embedded.create(folder_of(embedded.home, {"a.csv": b"1,2\n", "deep/b.csv": b"3\n"}), NAME) == 1
    [download, upload] = _blocks(MISTAKE)
    before = embedded.listing()[0]["spec"]["fingerprint"]
    assert _typed(embedded, download).returncode == 0
    embedded.run("datastore", "delete", "--name", NAME, "--version", "1").done()
    assert _typed(embedded, upload).returncode == 0
    [again] = embedded.listing()
    assert (again["spec"]["version"], again["spec"]["fingerprint"]) == (2, before)


@pytest.mark.proves("get-started-makes-grid-found", reads=["docs/get-started.md", "Makefile"])
def test_after_the_set_up_the_shell_finds_grid() -> None:
    made, activated = _blocks(GET_STARTED)[0].splitlines()
    asked = subprocess.run([*made.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "No rule" not in asked.stderr
    script = f"{activated}\ncommand -v grid"
    found = subprocess.run(["bash", "-ec", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()) == ROOT / ".venv/bin/grid"


@pytest.mark.proves("operators-commands-of-the-page", reads=["docs/how-to/manage-users.md"])
def test_the_commands_for_users_work_beside_the_running_server(own_server: ServerProcess, tmp_path: Path) -> None:
    machine = Machine(own_server.grid, tmp_path, extra={"GRID_DIR": str(own_server.folder)})
    add, key, sign_ins, end, remove, with_versions, rotate = (shlex.split(block)[1:] for block in _blocks(USERS))
    assert "The key is shown only once: " in machine.run(*add).done()
    machine.run(*key).done()
    user = Credentials("alice", json.loads(machine.run(*key, "-o", "json").done())["apiKey"])
    login = {"username": "alice", "apiKey": user.api_key}
    agent = {"user-agent": "example/1"}
    httpx.post(f"{own_server.url}/v1/auth/login", json=login, headers=agent).raise_for_status()
    assert "example/1 (API token)" in machine.run(*sign_ins).done()
    assert "1 sign-in of user alice ended." in machine.run(*end).done()
    home = tmp_path / "alice"
    home.mkdir()
    Machine(own_server.grid, home, own_server, user).create(folder_of(home, {"a.csv": b"1"}))
    machine.run(*remove).refused("User alice has 1 version", " ".join(["grid", *with_versions]))
    assert "User alice is removed." in machine.run(*with_versions).done()
    assert "The signing key is replaced." in machine.run(*rotate).done()
    assert httpx.get(f"{own_server.url}/v1/auth/user", auth=user).status_code == 401


@pytest.mark.proves("backup-page-as-it-stands", reads=["docs/how-to/back-up.md"])
@pytest.mark.proves("a-backup-is-restored-whole")
def test_a_backup_of_the_page_is_restored_whole_and_as_a_catalog_only(embedded: Machine) -> None:
    first = ("datastore", "delete", "--name", NAME, "--version", "1")
    copy, restore, catalog, check = _blocks(BACK_UP)
    repaired, older, problem = _blocks(BACK_UP, "text")
    folder = folder_of(embedded.home, {"a.csv": b"1"})
    embedded.create(folder, NAME)

    def typed(code: str) -> str:
        done = _typed(embedded, code)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    typed(copy)
    assert "File exists" in _typed(embedded, copy).stderr  # a backup is never mixed with another one
    embedded.run(*first).done()
    assert embedded.create(folder, NAME) == 2
    typed(restore)
    assert embedded.phases() == [(1, "SUCCEEDED")]
    assert embedded.create(folder, NAME) == 2
    embedded.run(*first).done()
    put_back, repair = catalog.split("grid ", 1)
    typed(put_back)
    refused = embedded.run("datastore")
    assert (refused.code, refused.err.replace(str(embedded.home), "~")) == (1, older)
    assert typed(f"grid {repair}") == repaired
    assert embedded.phases() == [(2, "SUCCEEDED")]
    assert embedded.create(folder, NAME) == 3
    assert typed(check) == "Checked 2 versions with 2 bytes. No problem found.\n"
    version_id = next(one["id"] for one in embedded.listing() if one["spec"]["version"] == 2)
    shutil.rmtree(embedded.home / ".grid/data/versions" / version_id)
    assert _typed(embedded, check).stderr == problem
    embedded.run("datastore", "delete", "--name", NAME, "--version", "2").done()
    assert embedded.create(folder, NAME) == 4
    assert typed(check) == "Checked 2 versions with 2 bytes. No problem found.\n"
