"""A person's machine: the real `grid` executable, a folder of its own, perhaps a real server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from acceptance import warm
from acceptance.server import Credentials, ServerProcess, trusted
from acceptance.waiting import wait_until
from grid_datastores.catalog import Catalog
from grid_datastores.domain.model import WorkloadKind

Process = warm.Process | subprocess.Popen[str]
_VERSIONS, _SESSIONS = "/v1/core/local/datastores", "/v1/core/sessions"
_POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    def refused(self, *phrases: str, code: int = 1) -> None:
        """It failed as documented: this exit code, and one sentence that a person can use."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        assert "Traceback" not in self.err + self.out, self
        assert self.code == code, self
        assert [line.startswith("Error: ") for line in lines].count(True) == 1, self
        if code == 1:
            assert len(lines) == 1, self
        assert "GRID_DEBUG" not in self.err, f"nobody foresaw this: {self}"
        assert "Errno" not in self.err, f"a person cannot use this: {self}"
        for phrase in phrases:
            assert phrase in self.err, self

    def done(self) -> str:
        """It worked; what it printed."""
        assert (self.code, self.err) == (0, ""), self
        return self.out


@dataclass(frozen=True)
class State:
    """What is there: the versions and Sessions, the folders in storage, and the bytes of the versions."""

    listed: str
    folders: frozenset[str]
    bytes: Mapping[str, tuple[int, int]]


@dataclass
class Machine:
    """One user on one machine; embedded without a server."""

    grid: str
    home: Path
    server: ServerProcess | None = None
    user: Credentials | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> Path:
        """GRID_DIR."""
        return self.home / ".grid"

    @property
    def storage(self) -> Path:
        """Where the versions' bytes lie."""
        return self.server.data if self.server else self.directory / "data" / "versions"

    def environment(self, **extra: str) -> dict[str, str]:
        """What the command sees of the world."""
        given = {"PATH": os.environ["PATH"], "HOME": str(self.home), "GRID_DIR": str(self.directory), "LOGNAME": "ana"}
        if self.server and self.user:
            given |= {
                "GRID_URL": self.server.url,
                "GRID_USER_ID": self.user.user_id,
                "GRID_API_KEY": self.user.api_key,
            }
        return given | self.extra | extra

    def start(
        self,
        *words: str | bytes,
        env: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        powerless: bool = False,
        cwd: Path | None = None,
        **streams: Any,
    ) -> Process:
        """A command that is under way; a powerless one obeys the permissions of files also where root runs it."""
        given = tuple(map(os.fsdecode, words))
        power = _POWERLESS if powerless and os.geteuid() == 0 else ()
        environment = self.environment(**(env or {}))
        return warm.start(self.grid, given, environment, cwd or self.home, prefix=(*power, *prefix), **streams)

    def execute(self, *words: str | bytes, env: Mapping[str, str] | None = None, **how: Any) -> subprocess.Popen[str]:
        """A command that is under way in a process that loads itself, set up as `subprocess.Popen` sets one up."""
        ways: dict[str, Any] = {
            "cwd": self.home,
            "env": self.environment(**(env or {})),
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
        return subprocess.Popen([self.grid, *words], **(ways | how))

    def run(self, *words: str | bytes, env: Mapping[str, str] | None = None, **how: Any) -> Said:
        """A command and all that it said."""
        return finished(self.start(*words, env=env, **how))

    def create(self, folder: Path | str, name: str = "data") -> int:
        """A version of this folder; its number."""
        said = self.run("datastore", "create", str(folder), "--name", name, "-o", "json").done()
        return int(json.loads(said)["spec"]["version"])

    def listing(self) -> list[dict[str, Any]]:
        """The versions, as JSON."""
        return list(json.loads(self.run("datastore", "-o", "json").done()))

    def phases(self) -> list[tuple[int, str]]:
        """Number and phase of every version that is there."""
        return [
            (item["spec"]["version"], item["status"]["phase"].removeprefix("DATASTORE_OPTIMIZATION_STATUS_"))
            for item in self.listing()
        ]

    def state(self) -> State:
        """All that a refused command must leave as it is, read without a command."""
        ids, listed = self._on_server() if self.server else self._in_catalog()
        folders = self._folders()
        held = {
            str(path.relative_to(self.storage)): (path.stat().st_size, path.stat().st_mtime_ns)
            for version in ids
            for path in (self.storage / version).rglob("*")
        }
        return State(listed, folders, held)

    def _on_server(self) -> tuple[list[str], str]:
        """The ids of this user's versions; and all that the server says of them and of the Sessions."""
        assert self.server
        with httpx.Client(base_url=self.server.url, auth=self.user, verify=trusted()) as http:
            versions, sessions = (http.get(path).raise_for_status() for path in (_VERSIONS, _SESSIONS))
        return [item["id"] for item in versions.json()["datastores"]], versions.text + sessions.text

    def _in_catalog(self) -> tuple[list[str], str]:
        """The same without a server."""
        path = self.directory / "data" / "catalog.sqlite"
        if not path.exists():
            return [], str(([], []))
        with closing(Catalog(path, read_only=True)) as catalog, catalog.read() as tx:
            users = tx.users.all()
            versions = [version for user in users for version in tx.versions.of_owner(user.id)]
            sessions = [one for user in users for one in tx.workloads.of_owner(user.id, WorkloadKind.SESSION)]
        return [version.id for version in versions], str((versions, sessions))

    def nothing_changed(self, before: State) -> None:
        """All is as before; what a failed upload had begun is erased, at the latest by the removal."""
        wait_until(lambda: not self._folders() - before.folders, "nothing new is left in storage")
        after = self.state()
        assert (after.listed, after.bytes) == (before.listed, before.bytes)
        if not self.server:  # on a server, others' deleted versions may be erased meanwhile
            assert after.folders == before.folders

    def _folders(self) -> frozenset[str]:
        return frozenset(path.name for path in self.storage.iterdir()) if self.storage.exists() else frozenset()


def finished(process: Process, within: float = 60) -> Said:
    """What a command came to, once it has ended; it is killed, and the test fails, if that takes too many seconds."""
    try:
        out, err = process.communicate(timeout=within)
    finally:
        process.kill()
    return Said(process.returncode, out or "", err or "")


def interrupt(process: Process, way: int) -> None:
    """Send a signal to a command that waits for an answer, once it sleeps.

    Between the last look at signals and the system call that waits, Python would only notice it after the wait.
    """
    seen: list[str] = []

    def sleeps() -> bool:
        status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        seen.append("".join(line for line in status.splitlines() if line.startswith(("State:", "voluntary_ctxt"))))
        return seen[-1].startswith("State:\tS") and seen[-2:-1] == seen[-1:]

    wait_until(sleeps, "the command waits for an answer")
    process.send_signal(way)


def folder_of(parent: Path, files: Mapping[str, bytes], name: str = "source") -> Path:
    """A folder that holds these files."""
    folder = parent / name
    folder.mkdir()
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder
