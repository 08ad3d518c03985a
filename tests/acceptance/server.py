"""A real `grid serve` process, that can really be killed and started again."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple, TextIO

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
    _process: warm.Process | None = field(default=None, init=False)
    _said: TextIO | None = field(default=None, init=False)

    def start(self, *, typed: bool = False) -> None:
        """Start, at the same address as before if there was one; returns when it answers.

        `typed` loads its modules as a server does that an operator starts; otherwise it is forked, see `warm`.
        """
        port = self.url.rpartition(":")[2] or "0"
        reads, writes = os.pipe()
        self._said = os.fdopen(reads)
        with (self.folder / "serve.log").open("a") as log:
            words = ("serve", "--port", port)
            begin = warm.type_in if typed else warm.start
            self._process = begin(self.grid, words, self._environment(), self.folder, writes, log.fileno())
        os.close(writes)
        ready = self._said.readline()
        found = re.search(r" (?:is|listening) at (http://127\.0\.0\.1:\d+) \(", ready)
        assert found, f"grid serve said {ready!r}; its log is in {self.folder}"
        self.url = found[1]

    def restart_and_read_link(self) -> str:
        """Start it again; the link that it prints, which signs in."""
        self.stop()
        self.start()
        assert self._said
        self._said.readline()
        return self._said.readline().strip()

    def operate(self, settings: Mapping[str, str]) -> None:
        """Start it again as an operator who set these variables, too."""
        self.operated = settings
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self.end(signal.SIGKILL)

    def wait(self) -> None:
        """Until it has ended by itself."""
        self.end(None)

    def stop(self) -> None:
        """End it as an operator would."""
        self.end(signal.SIGTERM)

    def end(self, number: int | None, within: float = 30) -> tuple[int, str]:
        """Send it this signal; its exit code, and what it has printed since it was ready, and logged."""
        assert self._process
        assert self._said
        if number is not None:
            self._process.send_signal(number)
        code = self._process.wait(within)
        said = "" if self._said.closed else self._said.read()
        self._said.close()
        return code, said + (self.folder / "serve.log").read_text()

    def peak(self) -> int:
        """The most memory that it has used so far, in bytes."""
        assert self._process
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024

    def add_user(self, name: str) -> Credentials:
        """A new user, added on the server's machine."""
        done = warm.run(self.grid, ("user", "add", name, "-o", "json"), self._environment(), self.folder)
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
