"""A real `grid serve` process, that can really be killed and started again."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

import httpx

from acceptance import warm


class Credentials(NamedTuple):
    """A user of a server, as HTTP Basic wants them."""

    user_id: str
    api_key: str


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that vouch for servers; to read them takes longer than most answers."""
    return httpx.create_ssl_context()


@dataclass
class ServerProcess:
    """A server on a folder of its own, whose operator has set these variables."""

    grid: str
    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    operated: Mapping[str, str] = field(default_factory=dict)
    _process: warm.Process | subprocess.Popen[str] | None = field(default=None, init=False)

    def start(self, *, typed: bool = False) -> None:
        """Start, at the same address as before if there was one; returns when it answers.

        `typed` starts it as an operator does, in a process that loads itself.
        """
        port = self.url.rpartition(":")[2] or "0"
        with (self.folder / "serve.log").open("a") as log:
            words = ("serve", "--port", port)
            begin = warm.type_in if typed else warm.start
            self._process = begin(self.grid, words, self._environment(), self.folder, stderr=log)
        assert self._process.stdout
        ready = self._process.stdout.readline()
        found = re.search(r" (?:running at|listening on) (http://127\.0\.0\.1:\d+) \(", ready)
        assert found, f"grid serve said {ready!r}; its log is in {self.folder}"
        self.url = found[1]

    def restart_and_read_link(self) -> str:
        """Start it again; the link that it prints, which signs in."""
        self.stop()
        self.start()
        assert self._process
        assert self._process.stdout
        self._process.stdout.readline()
        return self._process.stdout.readline().strip()

    def operate(self, settings: Mapping[str, str]) -> None:
        """Start it as an operator who set these variables, too; again, if it runs."""
        self.operated = settings
        if self._process:
            self.stop()
        self.start()

    def kill(self) -> None:
        """Kill it as a power cut would."""
        assert self._process
        self._process.kill()
        self._process.communicate()

    def wait(self) -> None:
        """Until it has ended by itself."""
        assert self._process
        self._process.wait(timeout=30)

    def stop(self) -> None:
        """End it as an operator would."""
        assert self._process
        self._process.terminate()
        self._process.communicate(timeout=30)

    def peak(self) -> int:
        """The most memory that it has used so far, in bytes."""
        assert self._process
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def add_user(self, name: str) -> Credentials:
        """A new user, added on the server's machine."""
        return self._user("add", name)

    def new_key(self, name: str) -> Credentials:
        """A user with a new key, made on the server's machine."""
        return self._user("key", name)

    def _user(self, command: str, name: str) -> Credentials:
        done = warm.run(self.grid, ("user", command, name, "-o", "json"), self._environment(), self.folder)
        assert done.returncode == 0, done.stderr
        added = json.loads(done.stdout)
        return Credentials(added["id"], added["apiKey"])

    @property
    def data(self) -> Path:
        """Where it keeps the versions' bytes."""
        return self.folder / "data" / "versions"

    def _environment(self) -> dict[str, str]:
        own = {"PATH": os.environ["PATH"], "GRID_DIR": str(self.folder), "HOME": str(self.folder)}
        return {**own, **self.settings, **self.operated}
