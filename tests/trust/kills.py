"""Kill the CLI and the server with SIGKILL, at random moments and at durable steps, and look at what is left."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import httpx

from acceptance.waiting import wait_until
from reliability.hostile import Client
from reliability.machine import Said, finished, folder_of
from trust import embedded_state
from trust.acknowledged import AVAILABLE, NEVER, ORPHANED, Acknowledged, Files, Ref, Seen
from trust.attack import Attack, Figures
from trust.machines import embedded, scratch, server_in
from trust.steps import Steps

_NAMES = ("data", "birds")
_KILLS = "kills"
_MOST_VERSIONS = 6
_KILLS_OF_ONE_MACHINE = 25
_SERVER_SHARE = 4  # every fourth machine has a server


def run(budget: int, seed: int) -> Figures:
    """Kill so many processes."""
    figures, random, machine = Figures(), Random(seed), 0
    while figures.counts[_KILLS] < budget and not figures.faults:
        most = min(budget, figures.counts[_KILLS] + _KILLS_OF_ONE_MACHINE)
        with scratch() as folder:
            (_Server if machine % _SERVER_SHARE == _SERVER_SHARE - 1 else _Command)(folder, figures, random).until(most)
        machine += 1
    return figures


def _files(random: Random) -> Files:
    files = {f"{number}.csv": random.randbytes(random.randint(0, 3000)) for number in range(random.randint(1, 4))}
    if random.random() < 0.3:
        files["deep/large.bin"] = random.randbytes(1024 * 1024 + random.randint(0, 1000))
    return files


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class _Command:
    """A machine without a server: commands are killed."""

    def __init__(self, folder: Path, figures: Figures, random: Random) -> None:
        self._figures, self._random = figures, random
        self._machine = embedded(folder)
        self._folder = folder
        self._own, self._steps = self._machine.grid, Steps(folder)
        self._known = Acknowledged(figures)
        self._sources = 0
        self._usual = self._begin()

    def _begin(self) -> float:
        """Create two versions, which no kill may harm; returns how many seconds the second one took."""
        began = 0.0
        for name in _NAMES:
            files = _files(self._random)
            began = time.monotonic()
            number = self._machine.create(folder_of(self._machine.home, files, f"first-{name}"), name)
            self._known.created((name, number), files)
        return time.monotonic() - began

    def until(self, most: int) -> None:
        """Kill commands until there are so many kills in all."""
        while self._figures.counts[_KILLS] < most and not self._figures.faults:
            self._one()

    def _one(self) -> None:
        known = self._known
        refs = sorted([*known.versions, *known.unfinished])
        kinds = ["create"] * 4 + (["delete"] * 4 if refs else []) + ["list"]
        kinds += ["resume"] * 3 + ["clearcache"] if known.unfinished else []
        kind = "delete" if len(refs) > _MOST_VERSIONS else self._random.choice(kinds)
        creating: tuple[str, Files] | None = None
        deleting: Ref | None = None
        if kind == "create":
            creating = self._random.choice(_NAMES), _files(self._random)
            self._sources += 1
            source = folder_of(self._machine.home, creating[1], f"source-{self._sources}")
            words: tuple[str, ...] = ("datastore", "create", source.name, "--name", creating[0])
        elif kind == "delete":
            deleting = self._random.choice(refs)
            words = ("datastore", "delete", "--name", deleting[0], "--version", str(deleting[1]))
        else:
            words = ("datastore",) if kind == "list" else ("datastore", kind)
        said, how = self._killed(words)
        self._acknowledge(said, creating, deleting)
        why = f"after `grid {' '.join(words)}` was killed {how} ({said})"
        listed = self._listed(why)
        known.compare(listed, self._read, why, creating, deleting)
        embedded_state.check_storage(self._figures, self._machine, listed, why)

    def _killed(self, words: tuple[str, ...]) -> tuple[Said, str]:
        """What a command said before it was killed, or if it was quicker, and how it was killed."""
        machine = self._machine
        if self._random.random() < 0.6:
            how = "at a durable step"
            self._steps.arm(self._random, 40)
            machine.grid = self._steps.grid
            process = machine.start(*words)
        else:
            how = "at a random moment"
            process = machine.start(*words)
            timer = threading.Timer(self._random.uniform(0, 1.1 * self._usual), _kill, (process.pid,))
            timer.start()
        said = finished(process)
        if how == "at a random moment":
            timer.cancel()
        machine.grid = self._own
        self._steps.disarm()
        if said.code == -9:
            self._figures.count(_KILLS)
            self._figures.count(f"kills {how}")
        else:
            self._figures.count("commands that were quicker")
            expected = (0, 1) if "unfinished" in said.err or "resume" in said.err or "Error" in said.err else (0,)
            self._figures.check(said.code in expected and "Traceback" not in said.err, "wrong answers", str(said))
        return said, how

    def _acknowledge(self, said: Said, creating: tuple[str, Files] | None, deleting: Ref | None) -> None:
        if creating and (found := re.match(r"Created version (\d+) of ", said.out)):
            self._known.created((creating[0], int(found[1])), creating[1])
        if deleting and said.out.startswith("Deleted version"):
            self._known.gone(deleting)
        for number, name in re.findall(r"Finished version (\d+) of (\w+)", said.out):
            ref = name, int(number)
            if ref in self._known.unfinished:
                self._known.created(ref, self._known.unfinished[ref])

    def _listed(self, why: str) -> Mapping[Ref, Seen]:
        """The versions, by a command that lives; it also cleans up."""
        with self._figures.checking("wrong answers", why):
            self._machine.run("datastore").done()
        return embedded_state.listed(self._machine)

    def _read(self, ref: Ref, seen: Seen) -> Files:
        return embedded_state.files_of(self._machine, seen)


class _Server:
    """A server that is killed while a client of its own works."""

    def __init__(self, folder: Path, figures: Figures, random: Random) -> None:
        self._figures, self._random, self._folder = figures, random, folder
        self._known = Acknowledged(figures)

    def until(self, most: int) -> None:
        """Kill the server until there are so many kills in all."""
        steps = Steps(self._folder)
        with server_in(self._folder) as server:
            own = server.grid
            self._client = client = Client(server, server.add_user("ana"))
            with closing(client.http):
                while self._figures.counts[_KILLS] < most and not self._figures.faults:
                    server.kill()
                    server.grid = steps.grid
                    server.start()
                    how = self._kill(steps)
                    steps.disarm()
                    server.grid = own
                    server.start()
                    self._check(f"after the server was killed {how}")

    def _kill(self, steps: Steps) -> str:
        """Work until the server is killed; how it was."""
        self._creating: tuple[str, Files] | None = None
        self._deleting: Ref | None = None
        timer = threading.Timer(self._random.uniform(0, 0.4), self._client.server.kill)
        at_step = self._random.random() < 0.6
        if at_step:
            steps.arm(self._random, 30)
        else:
            timer.start()
        with suppress(httpx.TransportError):
            while True:
                self._work()
        if at_step:
            self._client.server.wait()
        else:
            timer.join()
        self._figures.count(_KILLS)
        how = "at a durable step" if at_step else "at a random moment"
        self._figures.count(f"kills {how}")
        return how

    def _work(self) -> None:
        client, known = self._client, self._known
        refs = sorted([*known.versions, *known.unfinished])
        if refs and (len(refs) > _MOST_VERSIONS or self._random.random() < 0.45):
            ref = self._deleting = self._random.choice(refs)
            client.http.delete(f"{client.versions}/{known.ids[ref]}").raise_for_status()
            known.gone(ref)
            self._deleting = None
            return
        self._creating = self._random.choice(_NAMES), _files(self._random)
        name, files = self._creating
        made = client.http.post(client.versions, json={"name": name, "spec": {}}).raise_for_status().json()
        ref = name, int(made["spec"]["version"])
        known.ids[ref] = made["id"]
        path = f"{client.versions}/{made['id']}"
        for key, content in files.items():
            client.send(path, content, key)
        if client.finish(path)[0] == AVAILABLE:
            known.created(ref, files)
        self._creating = None

    def _check(self, why: str) -> None:
        listed = self._listed()
        for ref, seen in listed.items():
            if seen.phase != AVAILABLE and ref not in self._known.deleted and ref not in self._known.versions:
                # An upload that was killed between its objects: it is abandoned, as its client would do.
                self._abandon(seen)
        listed = self._listed()
        self._known.compare(listed, self._read, why, self._creating, self._deleting)
        ids = {seen.id for seen in listed.values()}

        def erased() -> bool:
            return {path.name for path in self._client.server.data.iterdir() if path.is_dir()} <= ids

        with self._figures.checking(ORPHANED, why):
            wait_until(erased, "the bytes of deleted versions are erased")

    def _listed(self) -> dict[Ref, Seen]:
        items = self._client.http.get(self._client.versions).raise_for_status().json()["datastores"]
        return {
            (item["name"], item["spec"]["version"]): Seen(
                item["id"], item["status"]["phase"].removeprefix("DATASTORE_OPTIMIZATION_STATUS_")
            )
            for item in items
        }

    def _abandon(self, seen: Seen) -> None:
        path = f"{self._client.versions}/{seen.id}"
        if seen.phase in ("OPTIMIZING", "RUNNING") and self._client.http.delete(f"{path}/upload").is_success:
            wait_until(lambda: self._settled(path), "the upload is abandoned or finished")

    def _settled(self, path: str) -> bool:
        answer = self._client.http.get(path)
        return not answer.is_success or answer.json()["status"]["phase"].endswith(("SUCCEEDED", "FAILED"))

    def _read(self, ref: Ref, seen: Seen) -> Files:
        files = self._client.http.get(f"/v1/core/datastores/{seen.id}/files").raise_for_status().json()["files"]
        return {file["filename"]: httpx.get(file["url"]).raise_for_status().content for file in files}


ATTACK = Attack(
    "kills",
    "SIGKILL of the server and of commands",
    _KILLS,
    (*NEVER, "wrong answers"),
    run,
    bounded=16,
    long=500,
    parts=4,
)
