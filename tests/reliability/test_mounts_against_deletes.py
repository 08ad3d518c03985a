"""Rule in-use-at-request: clients race mounts against deletes, round after round, until each side has won often."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from uuid import uuid4

import httpx

from reliability.hostile import Client
from reliability.machine import Machine, finished, folder_of

CLIENTS = 8  # at the server, half of them on each side
RACES = "/v1/core/local"


@dataclass(frozen=True)
class Round:
    """How many of each side succeeded."""

    mounted: int
    deleted: int

    @property
    def winner(self) -> str:
        """Who won; that both did, or nobody, is what must never happen."""
        assert self.deleted <= 1, self
        assert bool(self.mounted) != bool(self.deleted), self
        return "mount" if self.mounted else "delete"


def _until_each_won(rounds: Iterator[Round], often: int, most: int) -> None:
    won: Counter[str] = Counter()
    for number, played in enumerate(rounds, 1):
        won[played.winner] += 1
        if min(won["mount"], won["delete"]) >= often:
            return
        assert number < most, f"one side never wins, so this shows little: {won}"


def test_at_a_server_a_mount_and_a_delete_never_both_succeed(client: Client) -> None:
    with ExitStack() as stack:
        one = partial(httpx.Client, base_url=client.server.url, auth=client.user, timeout=30)
        clients = [stack.enter_context(one()) for _ in range(CLIENTS)]
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS))
        _until_each_won(_races(client, clients, pool), often=5, most=400)


def _races(sender: Client, clients: list[httpx.Client], pool: ThreadPoolExecutor) -> Iterator[Round]:
    for kinds in cycle((("sessions", "delete"), ("delete", "runs"))):
        path = sender.begin()
        sender.send(path, b"1,2\n")
        sender.finish(path)
        version = path.rpartition("/")[2]
        start = threading.Barrier(CLIENTS)
        acting = [
            pool.submit(_act, http, kind, version, start) for http, kind in zip(clients, cycle(kinds), strict=False)
        ]
        done = Counter(kind for kind in (future.result() for future in acting) if kind)
        played = Round(done["sessions"] + done["runs"], done["delete"])
        shown = clients[0].get(f"{RACES}/datastores/{version}/manifest")
        assert shown.status_code == (200 if played.mounted else 410), shown.text
        yield played
        _forget(clients[0], version)


def _act(http: httpx.Client, kind: str, version: str, start: threading.Barrier) -> str:
    """The kind, if it succeeded; a refusal says why."""
    name = f"w-{uuid4().hex[:8]}"
    do: dict[str, Callable[[], httpx.Response]] = {
        "delete": lambda: http.delete(f"{RACES}/datastores/{version}"),
        "sessions": lambda: http.post(
            "/v1/core/sessions",
            json={"name": name, "spec": {"clusterId": "local", "datastores": [{"dsn": f"datastore://grid/{version}"}]}},
        ),
        "runs": lambda: http.post(
            f"{RACES}/runs", json={"name": name, "spec": {"clusterId": "local", "datastores": [{"id": version}]}}
        ),
    }
    start.wait()
    answer = do[kind]()
    if answer.is_success:
        return kind
    why = {"delete": ("is in use by", "was already deleted")}.get(kind, ("was already deleted",))
    assert any(words in answer.text for words in why), answer.text
    return ""


def _forget(http: httpx.Client, version: str) -> None:
    for session in http.get("/v1/core/sessions").json()["sessions"]:
        http.delete(f"/v1/core/sessions/{session['id']}").raise_for_status()
    for run in http.get(f"{RACES}/runs").json()["runs"]:
        http.delete(f"{RACES}/runs/{run['id']}").raise_for_status()
    http.delete(f"{RACES}/datastores/{version}")


def test_of_processes_on_one_folder_a_mount_and_a_delete_never_both_succeed(embedded: Machine) -> None:
    _until_each_won(_process_races(embedded), often=2, most=40)


def _process_races(machine: Machine) -> Iterator[Round]:
    source = folder_of(machine.home, {"a.csv": b"1,2\n"})
    for first in cycle((True, False)):
        number = machine.create(source)
        delete = ("datastore", "delete", "--name=data", f"--version={number}")
        mounts = [
            ("session", "create", f"s{number}-{n}", "--datastore_name=data", f"--datastore_version={number}")
            for n in range(2)
        ]
        commands = [delete, *mounts] if first else [*mounts, delete]
        started = [(words[0], machine.start(*words)) for words in commands]
        codes = [(kind, finished(process).code) for kind, process in started]
        yield Round(codes.count(("session", 0)), codes.count(("datastore", 0)))
