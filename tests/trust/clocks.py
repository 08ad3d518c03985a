"""Set the clock of a server, and of commands on its folder, by hours and days: nothing ends or is erased for that."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import httpx

from acceptance.server import ServerProcess
from faketime import find_faketime, missing
from reliability.hostile import Client
from reliability.machine import Machine, finished
from trust.attack import Attack, Figures
from trust.machines import embedded, scratch

_STEPS, _DELETED, _ENDED, _ERASED = "clock steps", "deleted beside a living Run", "ended leases", "erased uploads"
_RUNS = "/v1/core/local/runs"
_CONTENT = b"1,2\n"
_HOURS = (0.01, 1, 20, 25, 400)
_COMMANDS = 0.1  # of the steps; each is a process that loads itself


def run(budget: int, seed: int) -> Figures:
    """Set the clock so often."""
    figures, random = Figures(), Random(seed)
    with scratch() as folder:
        clock = folder / "clock"
        clock.write_text("+0\n")
        (folder / "server").mkdir()
        machine = embedded(folder)
        server = ServerProcess(machine.grid, folder / "server", _faked(clock))
        server.start(typed=True)
        try:
            client = Client(server, server.add_user("ana"))
            with closing(client.http):
                _set_clocks(figures, random, client, machine, clock, budget)
        finally:
            server.kill()
    return figures


def _faked(clock: Path) -> dict[str, str]:
    """The environment of a process whose clock is what the file says."""
    return {
        "LD_PRELOAD": find_faketime() or "",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
    }


def _set_clocks(figures: Figures, random: Random, client: Client, machine: Machine, clock: Path, budget: int) -> None:
    version = client.begin()
    client.send(version, _CONTENT)
    assert client.finish(version)[0] == "SUCCEEDED"
    mounted = [{"id": version.rpartition("/")[2], "mountPath": "/data"}]
    body = {"name": "nightly", "spec": {"datastores": mounted, "leased": True}}
    run = f"{_RUNS}/{client.http.post(_RUNS, json=body).raise_for_status().json()['id']}"
    upload = client.begin()
    part = client.announce(upload)
    _put(part)
    for number in range(budget):
        step = f"{random.choice('+-')}{random.choice(_HOURS) * 3600:.0f}"
        why = f"at step {number}, {step} s"
        new = clock.with_suffix(".new")
        new.write_text(f"{step}\n")
        new.rename(clock)
        figures.count(_STEPS)
        answer = client.http.delete(version)
        figures.check(answer.status_code == 409, _DELETED, f"{answer.status_code} {answer.text} {why}")
        if random.random() < _COMMANDS:
            _delete_beside(figures, machine, client.server, clock, why)
        seen = client.http.get(run).raise_for_status().json()["status"]["phase"]
        figures.check(seen == "RUN_STATE_RUNNING", _ENDED, f"the Run is {seen} {why}")
        kept = client.http.get(upload)
        figures.check(kept.is_success and "FAILED" not in kept.text, _ERASED, f"{kept.text} {why}")
        if figures.faults:
            return
        if random.random() < 0.5:
            beat = client.http.post(f"{run}/heartbeat")
            figures.check(beat.is_success, _ENDED, f"a heartbeat: {beat.text} {why}")
    client.send(upload, _CONTENT, "b.csv")
    done = {"key": "a.csv", "uploadId": part["uploadId"], "urls": [{"partNumber": "1", "etag": part["etag"]}]}
    client.http.post(f"{upload}/presigned-urls/completed", json={"objects": [done]})
    phase = client.finish(upload)
    figures.check(phase[0] == "SUCCEEDED", _ERASED, f"the upload came to {phase}")


def _put(part: dict[str, Any]) -> None:
    """Send the part, so that the upload has bytes to lose."""
    part["etag"] = httpx.put(part["urls"][0]["url"], content=_CONTENT).raise_for_status().headers["etag"]


def _delete_beside(figures: Figures, machine: Machine, server: ServerProcess, clock: Path, why: str) -> None:
    """A command on the folder of the server, whose clock is set, too."""
    figures.count("commands")
    environment = {"GRID_DIR": str(server.folder), **_faked(clock)}
    words = ("datastore", "delete", "--name", "data", "--version", "1")
    said = finished(machine.execute(*words, env=environment))
    figures.check("Deleted" not in said.out, _DELETED, f"{said} {why}")


def _lacks() -> str:
    return "" if find_faketime() else missing()


ATTACK = Attack(
    "clocks",
    "Clocks that are set, by up to two weeks",
    _STEPS,
    (_DELETED, _ENDED, _ERASED),
    run,
    bounded=4,
    long=300,
    needs=_lacks,
)
