"""The command line: the real executable as a process, against a server or on a folder of its own."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from acceptance import warm
from acceptance.server import Credentials
from acceptance.surfaces import Crashed, Outcome, Receipt, deletions_in
from living_spec.recorder import Recorder

# What is said of an error that nobody foresaw: here, and where the server broke.
_CRASHED = ("Traceback", "GRID_DEBUG", "The server failed unexpectedly")


class CliSurface:
    """One user at a terminal, in a home folder of their own."""

    def __init__(
        self, grid: str, home: Path, user: str, server: tuple[str, Credentials] | None, evidence: Recorder | None
    ) -> None:
        self._grid = grid
        self._home = home
        self._evidence = evidence
        self.types = False  # whether the next command loads itself, as when a person types it; see `acceptance.typed`
        self.typed = 0  # how many have
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "LOGNAME": user,
            "GRID_DIR": str(home / ".grid"),
        }
        if server:
            url, credentials = server
            self.environment |= {
                "GRID_URL": url,
                "GRID_USER_ID": credentials.user_id,
                "GRID_API_KEY": credentials.api_key,
            }

    def close(self) -> None:
        """There is nothing to let go of: every command was a process of its own."""

    def move(self, url: str, authority: Path) -> None:
        self.environment |= {"GRID_URL": url, "SSL_CERT_FILE": str(authority)}

    def upload(self, name: str, folder: Path) -> Outcome:
        return self.type("datastore", "create", self._relative(folder), "--name", name)

    def fetch(self, name: str, location: str, *, refer: bool = False) -> Outcome:
        how = ("--no-copy",) if refer else ()
        return self.type("datastore", "create", location, "--name", name, *how)

    def source(self, name: str, number: int) -> str:
        return next(line for line in self._show(name, number).splitlines() if line.startswith("Source:"))

    def listed(self, name: str) -> list[tuple[int, str]]:
        rows = [line.split() for line in self.type("datastore").said.splitlines()]
        return [(int(row[1]), row[2]) for row in rows if row and row[0] == name]

    def phase(self, name: str, number: int) -> str:
        return self._field("Phase", name, number)

    def fingerprint(self, name: str, number: int) -> str:
        return self._field("Fingerprint", name, number)

    def history(self, name: str, number: int) -> str:
        return self._show(name, number).partition("History:")[2]

    def files(self, name: str, number: int) -> Outcome:
        outcome = self.type("datastore", "files", *_named(name, number))
        rows = re.findall(r"^ *(\d+)  \S+ *  (.+)$", outcome.said, re.MULTILINE)
        return replace(outcome, said="\n".join(f"{path}  {size}" for size, path in rows)) if outcome.done else outcome

    def download(self, name: str, number: int, folder: Path) -> Outcome:
        return self.type("datastore", "download", *_named(name, number), "--to", self._relative(folder))

    def delete(self, name: str | None, version: str | None) -> Outcome:
        named = () if name is None else ("--name", name)
        numbered = () if version is None else ("--version", version)
        return self.type("datastore", "delete", *named, *numbered)

    def verdict(self, name: str, number: int) -> Outcome:
        return self.type("datastore", "delete", *_named(name, number), "--dry-run")

    def receipt(self, outcome: Outcome) -> Receipt:
        gone = re.search(r"ersion (\d+) of \S+?:? (?:can be deleted: )?(\d+) files?, ([\d.]+ \w+)", outcome.said)
        assert gone, outcome.said
        kept = [(int(number), digest) for number, digest in re.findall(r"(\d+) \(([0-9a-f]+)\)", outcome.said)]
        quota = re.search(r"You have (\d+) of \d+ versions now, (\d+) before", outcome.said)
        counts = (int(quota[2]), int(quota[1])) if quota else None
        return Receipt(int(gone[1]), int(gone[2]), gone[3], kept, counts)

    def offered(self, outcome: Outcome) -> list[tuple[str, int]]:
        return deletions_in(outcome.said)

    def mount(self, session: str, name: str, number: int) -> Outcome:
        mounted = ("--datastore_name", name, "--datastore_version", str(number))
        return self.type("session", "create", session, *mounted)

    def pause(self, session: str) -> Outcome:
        return self.type("session", "pause", session)

    def resume(self, session: str) -> Outcome:
        return self.type("session", "resume", session)

    def end(self, session: str) -> Outcome:
        return self.type("session", "delete", session)

    def sessions(self) -> list[str]:
        return [item["name"] for item in json.loads(self._quietly("session", "list", "-o", "json"))]

    def mounts(self, session: str) -> str:
        rows = self.type("session").said.splitlines()
        return next((row for row in rows if row.split()[0] == session), "")

    def users(self, name: str, number: int) -> str:
        lines = self._show(name, number).splitlines()
        return "\n".join(line for line in lines if line.startswith("In use by:"))

    def cancel(self, run: str) -> Outcome:
        return self.type("cancel", run)

    def sign_in(self, url: str, user: Credentials) -> Outcome:
        """Type the command that keeps the credentials; what the environment told goes."""
        for name in ("GRID_URL", "GRID_USER_ID", "GRID_API_KEY"):
            del self.environment[name]
        return self.type("login", "--url", url, "--username", user.user_id, "--key", user.api_key)

    def quota_used(self) -> int:
        said = self.type("status").said
        found = re.search(r"(\d+) of \d+", said)
        assert found, said
        return int(found[1])

    def quota_limit(self) -> int:
        found = re.search(r"of (\d+) versions", self.type("status").said)
        assert found
        return int(found[1])

    def type(self, *words: str) -> Outcome:
        """Type a command and read all that it says."""
        done = self._typed(words) if self.types else self._forked(words)
        said = done.stdout + done.stderr
        if self._evidence:
            self._evidence.transcript(shlex.join(["grid", *words]), said, done.returncode)
        if done.returncode not in (0, 1, 2) or any(sign in said for sign in _CRASHED):
            raise Crashed(said)
        flat = said if done.returncode == 0 else " ".join(said.split())
        missing = "There is no version" in said
        return Outcome(done.returncode == 0, done.returncode == 2, missing, flat)

    def _typed(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        self.types = False
        self.typed += 1
        return subprocess.run([self._grid, *words], **self._ways(), capture_output=True, timeout=120)

    def _forked(self, words: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return warm.run(self._grid, words, self.environment, self._home)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Type a command and leave it at work, in a process group of its own."""
        self.typed += 1
        ways = {**self._ways(), "start_new_session": True}
        return subprocess.Popen([self._grid, *words], **ways, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def arrived(self) -> int:
        """How many objects of uploads under way have arrived, as far as this machine knows."""
        journals = (self._home / ".grid" / "uploads").glob("*.jsonl")
        return sum(line.startswith('{"object"') for journal in journals for line in journal.read_text().splitlines())

    def delete_and_die(self, name: str, number: int) -> None:
        """Delete, and kill the process the moment that it reports success."""
        self.typed += 1
        command = [self._grid, "datastore", "delete", *_named(name, number)]
        process = subprocess.Popen(command, **self._ways(), stdout=subprocess.PIPE)
        assert process.stdout
        said = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert said.startswith("Deleted version"), said

    def run(self, run: str, name: str, number: int) -> None:
        raise AssertionError("Runs are started over the API.")

    def end_run(self, run: str, state: str) -> None:
        raise AssertionError("Runs are ended over the API.")

    def begin_upload(self, name: str) -> None:
        raise AssertionError("An upload is one command here.")

    def fail_upload(self, name: str) -> None:
        """Upload a file that is larger than the disk lets the process write."""
        folder = self._home / "too-large"
        folder.mkdir()
        (folder / "large.bin").write_bytes(bytes(8 * 1024 * 1024))
        limit = 4 * 1024 * 1024

        def little_space() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        command = [self._grid, "datastore", "create", "too-large", "--name", name]
        done = subprocess.run(command, **self._ways(), capture_output=True, preexec_fn=little_space, timeout=60)
        assert done.returncode == 1, done
        assert "is full" in done.stderr, done.stderr

    def version_id(self, name: str, number: int) -> str:
        shown = json.loads(self._quietly("datastore", "show", *_named(name, number), "-o", "json"))
        return str(shown["datastore"]["id"])

    def holders(self, name: str, number: int) -> list[str]:
        shown = json.loads(self._quietly("datastore", "show", *_named(name, number), "-o", "json"))
        return [holder["name"] for holder in shown["holders"]]

    def state(self) -> list[dict[str, Any]]:
        versions, sessions = (
            json.loads(self._quietly(kind, "list", "-o", "json")) for kind in ("datastore", "session")
        )
        status = json.loads(self._quietly("status", "--all", "-o", "json"))
        return [*versions, *sessions, *status["runs"], {"name": "", "used": status["used"]}]

    def record(self, name: str, number: int) -> dict[str, Any]:
        shown = json.loads(self._quietly("datastore", "show", *_named(name, number), "-o", "json"))
        shown["datastore"]["status"].pop("bytesGoneAt", None)
        return shown["datastore"] | {"holders": shown["holders"]}

    def _show(self, name: str, number: int) -> str:
        return self.type("datastore", "show", *_named(name, number)).said

    def _field(self, label: str, name: str, number: int) -> str:
        said = self._show(name, number)
        found = re.search(rf"^{label}: +(\S+)", said, re.MULTILINE)
        assert found, said
        return found[1]

    def _quietly(self, *words: str) -> str:
        done = self._forked(words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _ways(self) -> dict[str, object]:
        return {"cwd": self._home, "env": self.environment, "text": True, "stdin": subprocess.DEVNULL}

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._home).as_posix()


def _named(name: str, number: int) -> tuple[str, ...]:
    return ("--name", name, "--version", str(number))
