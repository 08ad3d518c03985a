"""Facts of the pages that no scenario shows: what is uploaded, where data is, what is shared, and what is restored."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from listed import listed

from grid_datastores.cli import cli
from grid_datastores.domain.errors import AlreadyDeleted, NotSignedIn, Refusal, TooManyAttempts
from grid_datastores.domain.model import Phase, Source, SourceKind, Version, WorkloadKind
from grid_datastores.gateway.credentials import Server, find_server, store_credentials
from grid_datastores.machine import uploads
from grid_datastores.machine.upload_journal import count_journals
from grid_datastores.server import serve
from grid_datastores.server.app import create_app
from grid_datastores.server.serve import FIRST_USER
from grid_datastores.server.signing_in import MAX_WRONG_KEYS
from grid_datastores.server.state import State
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest
from grid_datastores.wire.datastores import PHASES, SOURCE_TYPES
from guide import phases

FILES = Source(SourceKind.FILES, "/data")


class Machine:
    """A machine without a server: its commands work in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / ".grid"

    def __call__(self, *words: str, code: int = 0) -> Result:
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == code, done.output
        return done

    def json(self, *words: str) -> object:
        return json.loads(self(*words, "-o", "json").stdout)

    def paths(self, name: str) -> list[str]:
        files = self.json("datastore", "files", "--name", name, "--version", "1")
        assert isinstance(files, list)
        return [file["path"] for file in files]

    def data(self, name: str = "birds", content: str = "a,b\n") -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "birds.csv").write_text(content, "utf-8")
        return folder


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("GRID_DIR", str(tmp_path / ".grid"))
    monkeypatch.delenv("GRID_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return Machine(tmp_path)


@contextmanager
def server(home: Path) -> Iterator[tuple[Service, State]]:
    """The service and the state of a server on this folder."""
    service = open_service(Settings(home, home / "data" / "catalog.sqlite", Limits()), lambda: None)
    with closing(service.context.catalog):
        yield service, create_app(service).state.grid


@pytest.mark.proves("hidden-files-are-uploaded")
def test_hidden_files_and_folders_are_uploaded(machine: Machine) -> None:
    folder = machine.data()
    (folder / ".env").write_text("SECRET=1\n", "utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("[core]\n", "utf-8")
    machine("datastore", "create", "birds")
    assert machine.paths("birds") == [".env", ".git/config", "birds.csv"]


@pytest.mark.proves("a-source-can-be-a-link")
def test_a_source_that_is_a_link_gives_the_name_and_its_target_the_files(machine: Machine) -> None:
    folder = machine.data()
    (machine.folder / "Trees").symlink_to(folder)
    (machine.folder / "first.csv").symlink_to(folder / "birds.csv")
    machine("datastore", "create", "Trees")
    machine("datastore", "create", "first.csv")
    assert (machine.paths("trees"), machine.paths("first")) == (["birds.csv"], ["first.csv"])
    sources = {ref["name"]: ref["spec"]["source"] for ref in machine.json("datastore")}  # type: ignore[attr-defined]
    assert sources == {"first": str(machine.folder / "first.csv"), "trees": str(folder)}


@pytest.mark.proves("only-files-can-be-uploaded")
@pytest.mark.parametrize("kind", ["pipe", "socket", "link"])
def test_what_is_no_file_in_a_folder_is_refused(machine: Machine, kind: str) -> None:
    folder = machine.data()
    with socket.socket(socket.AF_UNIX) as bound:
        if kind == "pipe":
            os.mkfifo(folder / "other")
        elif kind == "socket":
            machine_folder = os.open(folder, os.O_RDONLY)
            bound.bind(f"/proc/self/fd/{machine_folder}/other")  # an address is at most 108 characters long
            os.close(machine_folder)
        else:
            (folder / "other").symlink_to(folder / "birds.csv")
        refused = machine("datastore", "create", "birds", code=2)
    assert str(folder / "other") in refused.stderr
    assert list(machine.home.rglob("versions/*")) == []


def _stored(machine: Machine) -> int:
    """The bytes of all files in the folder of the versions."""
    versions = machine.home / "data" / "versions"
    return sum(path.stat().st_size for path in versions.rglob("*") if path.is_file())


@pytest.mark.proves("versions-share-no-data")
def test_two_versions_of_the_same_files_need_the_space_twice_until_one_is_deleted(machine: Machine) -> None:
    folder = machine.data()
    (folder / "large.bin").write_bytes(bytes(2 * 1024 * 1024))
    used = []
    for _ in range(2):
        machine("datastore", "create", "birds")
        used.append(_stored(machine))
    assert 1 < used[0] / (2 * 1024 * 1024) < 1.1
    assert used[1] == 2 * used[0]
    machine("datastore", "delete", "--name", "birds", "--version", "1")
    assert _stored(machine) == used[0]


@pytest.mark.proves("without-a-server-the-folder-is-all")
def test_without_its_folder_a_machine_has_no_versions(machine: Machine) -> None:
    machine.data()
    machine("datastore", "create", "birds")
    assert sorted(path.name for path in machine.folder.iterdir()) == [".grid", "birds"]  # nothing is stored elsewhere
    shutil.rmtree(machine.home)
    assert machine.json("datastore") == []


@pytest.mark.proves("the-folder-has-more-than-versions")
@pytest.mark.proves("interruption-says-how-to-resume")
def test_without_its_folder_a_machine_is_signed_out_and_resumes_nothing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.data()
    settings = Settings(machine.home, machine.home / "data" / "catalog.sqlite", Limits())
    with server(machine.folder / "server") as (service, _state):
        ana, _key = service.accounts.add("ana")
        service.uploads.begin(ana, "trees", Source(SourceKind.FILES, "/trees"))
        monkeypatch.setattr(uploads, "pack", _interrupting)
        interrupted = machine("datastore", "create", "birds", code=1)
        assert interrupted.stderr.endswith("Resume it with: grid datastore resume\n")
        assert count_journals(machine.home) == 1
        store_credentials(settings, Server("http://127.0.0.1:9", "ana", "key", "local"))
        assert find_server(settings) is not None
        shutil.rmtree(machine.home)
        assert find_server(settings) is None
        assert machine("datastore", "resume").output == "There is no interrupted upload to resume.\n"
        assert len(listed(service, ana)) == 1


def _interrupting(*_given: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.proves("copy-needs-the-space-of-the-version")
def test_a_run_stores_a_copy_until_the_version_is_deleted(machine: Machine) -> None:
    folder = machine.data()
    (folder / "large.bin").write_bytes(bytes(2 * 1024 * 1024))
    machine("datastore", "create", "birds")

    def copied() -> list[Path]:
        return [path for path in machine.home.rglob("large.bin") if path.stat().st_nlink == 1]

    assert copied() == []
    grid = Path(sys.executable).with_name("grid")
    run = [grid, "run", "--name", "r", "--datastore_name", "birds", "--datastore_version", "1", "--", "true"]
    subprocess.run(run, check=True, timeout=120)
    (copy,) = copied()
    assert copy.stat().st_size == 2 * 1024 * 1024
    machine("datastore", "delete", "--name", "birds", "--version", "1")
    assert copied() == []


@pytest.mark.proves("two-servers-on-one-folder")
def test_two_servers_on_one_folder_show_the_same_and_take_the_same_keys(machine: Machine) -> None:
    machine.data()
    machine("datastore", "create", "birds")
    machine("user", "add", "ana")
    key = machine.json("user", "key", "ana")["apiKey"]  # type: ignore[index]
    with server(machine.home) as (first, one), server(machine.home) as (second, other):
        ana = first.accounts.sign_in("ana", key)
        assert second.accounts.sign_in("ana", key) == ana
        now = first.now()
        signed = [each.signer(ana.id).sign("/v1/downloads/x", {}, now) for each in (one, other)]
        assert signed[0] == signed[1]
        (birds,) = _all_versions(first)
        first.deletion.delete(first.accounts.get(birds.owner_id), birds.id)
        with pytest.raises(AlreadyDeleted):
            second.reading.get(second.accounts.get(birds.owner_id), birds.id)
        link = one.links.new(ana)
        with pytest.raises(NotSignedIn):
            other.links.use(link)
        assert one.links.use(link) == ana
        for _ in range(MAX_WRONG_KEYS):
            with pytest.raises(NotSignedIn):
                one.attempts.sign_in(first.accounts, "ana", "wrong", "10.0.0.1")
        with pytest.raises(TooManyAttempts):
            one.attempts.sign_in(first.accounts, "ana", "wrong", "10.0.0.1")
        with pytest.raises(NotSignedIn):
            other.attempts.sign_in(second.accounts, "ana", "wrong", "10.0.0.1")


def _all_versions(service: Service) -> list[Version]:
    return [version for user in service.accounts.all() for version in listed(service, user)]


@pytest.mark.proves("a-backup-is-restored-whole", "a-backup-has-its-users")
def test_a_restored_folder_has_the_versions_and_numbers_of_its_backup(machine: Machine) -> None:
    machine.data()
    machine("datastore", "create", "birds")
    key = machine.json("user", "add", "eve")["apiKey"]  # type: ignore[index]
    subprocess.run(["cp", "-a", machine.home, machine.folder / "backup"], check=True)
    machine("user", "key", "eve")
    machine("user", "remove", "eve")
    machine("datastore", "delete", "--name", "birds", "--version", "1")
    machine("datastore", "create", "birds")
    shutil.rmtree(machine.home)
    subprocess.run(["cp", "-a", machine.folder / "backup", machine.home], check=True)
    assert [ref["spec"]["version"] for ref in machine.json("datastore")] == [1]  # type: ignore[attr-defined]
    machine("datastore", "download", "--name", "birds", "--version", "1", "--to", "out")
    assert (machine.folder / "out" / "birds.csv").read_text("utf-8") == "a,b\n"
    assert "version 2 of birds" in machine("datastore", "create", "birds").output
    with server(machine.home) as (service, _state):
        assert service.accounts.sign_in("eve", key).name == "eve"


@pytest.mark.proves("the-catalog-can-be-elsewhere")
def test_a_catalog_elsewhere_is_not_in_the_folder(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = machine.folder / "elsewhere.sqlite"
    monkeypatch.setenv("GRID_DATABASE_URL", f"sqlite:///{elsewhere}")
    machine.data()
    machine("datastore", "create", "birds")
    assert elsewhere.exists()
    assert list(machine.home.rglob("catalog.sqlite")) == []


@pytest.mark.proves("the-link-is-of-the-oldest-user")
def test_the_link_of_a_server_signs_in_the_oldest_user(machine: Machine) -> None:
    with server(machine.home) as (service, state):
        oldest, _key = service.accounts.add("zoe")
        service.accounts.add("ana")
        welcome = serve._welcome(state, "http://127.0.0.1:9", "http://127.0.0.1:9")
        assert state.links.use(welcome.link.rpartition("/")[2]) == oldest


@pytest.mark.proves("the-first-user")
def test_a_server_makes_its_first_user_where_the_folder_has_none(machine: Machine) -> None:
    with server(machine.home) as (service, _state):
        made = service.accounts.first(FIRST_USER)
        assert made is not None
        user, key = made
        assert (user.name, service.accounts.sign_in("admin", key)) == ("admin", user)
        assert service.accounts.first(FIRST_USER) is None


@pytest.mark.proves("the-first-user")
def test_a_server_makes_no_user_where_the_folder_was_used_before(machine: Machine) -> None:
    machine.data()
    machine("datastore", "create", "birds")
    with server(machine.home) as (service, _state):
        assert service.accounts.first(FIRST_USER) is None
        (owner,) = service.accounts.all()
    key = machine.json("user", "key", owner.name)["apiKey"]  # type: ignore[index]
    with server(machine.home) as (service, _state):
        assert service.accounts.sign_in(owner.name, key) == owner


@pytest.mark.proves("words-of-the-api")
def test_the_page_has_the_word_of_the_json_for_each_phase_and_kind_of_source(machine: Machine) -> None:
    machine.data()
    machine("datastore", "create", "birds")
    (birds,) = machine.json("datastore")  # type: ignore[misc]
    assert birds["status"]["phase"] == PHASES[Phase.AVAILABLE]
    assert birds["spec"]["sourceType"] == SOURCE_TYPES[SourceKind.FILES]
    table = phases.write()
    assert [f"| **{phase}** | `{PHASES[phase]}` |" in table for phase in Phase] == [True] * len(Phase)
    assert all(f"`{SOURCE_TYPES[kind]}`" in table for kind in SourceKind)


@pytest.mark.proves("dry-run-exits-with-the-verdict")
def test_a_dry_run_exits_like_the_deletion_would(machine: Machine) -> None:
    machine.data()
    machine("datastore", "create", "birds")
    delete = ("datastore", "delete", "--name", "birds", "--version", "1")
    machine(*delete, "--dry-run")
    machine("session", "create", "tuning", "--datastore_name", "birds", "--datastore_version", "1")
    machine(*delete, "--dry-run", code=1)
    machine("session", "delete", "tuning")
    machine(*delete)
    machine(*delete, "--dry-run", code=1)


@pytest.mark.proves("commands-with-json")
def test_these_commands_print_json() -> None:
    def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
        for name, command in group.commands.items():
            yield f"{path}{name}", command
            if isinstance(command, click.Group):
                yield from commands(command, f"{path}{name} ")

    assert isinstance(cli, click.Group)
    with_json = {path for path, command in commands(cli) if any("-o" in option.opts for option in command.params)}
    changing = {"datastore create", "datastore delete", "user add", "user key", "user remove"}
    showing = {"datastore", "datastore list", "datastore show", "datastore files", "session", "session list"}
    assert with_json == changing | showing | {"status", "user list", "user sign-ins", "admin check"}
    reading = {path for path, command in commands(cli) if (command.help or "").startswith(("List ", "Show "))}
    assert reading - with_json == set()


@pytest.mark.proves("refused-requests-change-no-version")
def test_what_is_refused_changes_no_version(machine: Machine) -> None:
    with server(machine.home) as (service, _state):
        ana, _key = service.accounts.add("ana")
        eve, _key = service.accounts.add("eve")
        kept = service.uploads.begin(ana, "birds", FILES)
        service.uploads.publish(ana, kept.id, Manifest.of([]))
        service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {kept.id: ""})
        waiting = service.uploads.begin(ana, "birds", FILES)
        gone = service.uploads.begin(ana, "birds", FILES)
        service.deletion.delete(ana, gone.id)

        def versions() -> list[Version]:
            return [service.reading.details(ana, version.id).version for version in (kept, waiting, gone)]

        before = versions()
        refused: list[Callable[[], object]] = [
            lambda: service.deletion.delete(ana, kept.id),
            lambda: service.deletion.delete(eve, kept.id),
            lambda: service.deletion.delete(ana, gone.id),
            lambda: service.workloads.start(ana, WorkloadKind.RUN, "nightly", {waiting.id: ""}),
            lambda: service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {kept.id: ""}),
            lambda: service.uploads.announce(ana, kept.id, {"a": 1}),
            lambda: service.uploads.announce(ana, waiting.id, {"../a": 1}),
            lambda: service.uploads.complete(ana, waiting.id),
            lambda: service.uploads.begin(ana, "Birds", FILES),
            lambda: service.reading.manifest(ana, waiting.id),
        ]
        for request in refused:
            with pytest.raises(Refusal):
                request()
            assert versions() == before
        assert {version.id for version in listed(service, ana)} == {kept.id, waiting.id}


@pytest.mark.proves("a-failed-fetch-stays-in-the-list")
def test_a_failed_fetch_is_listed_until_it_is_deleted(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRID_ALLOW_SOURCE_HOSTS", "127.0.0.1")
    refused = machine("datastore", "create", "http://127.0.0.1:9/birds.zip", code=1)
    assert "failed" in refused.output
    (birds,) = machine.json("datastore")  # type: ignore[misc]
    assert birds["status"]["phase"] == PHASES[Phase.FAILED]
    assert birds["status"]["message"] in refused.stderr
    assert (_stored(machine), machine.json("status")["used"]) == (0, 0)  # type: ignore[index]
    machine.data()
    assert "version 2 of birds" in machine("datastore", "create", "birds").output
    machine("datastore", "delete", "--name", "birds", "--version", "1")
    assert [ref["spec"]["version"] for ref in machine.json("datastore")] == [2]  # type: ignore[attr-defined]
