"""Rows about requests: how many a second, and whether their number of versions matters."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from catalogs import commits, fill, fill_users, ids
from machines import PYTHON, Machine, Served, served
from pairs import Row, seconds

MANY, FEW = 50_000, 50
_CLIENTS = 16
_DELETIONS = 480
_REQUESTS = 300
_V1 = "/v1/core/local/datastores"
_Work = Callable[[], float | None]
_EMPTY = """
import sys, uvicorn, fastapi
app = fastapi.FastAPI()
@app.get("/")
def empty() -> dict[str, str]:
    return {}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


def rows(disk: Path, server: Served) -> Iterator[Row]:
    """Yield the rows about one server and its user with few versions."""
    yield from _rates(disk, server)
    with served(disk / "many-versions") as other:
        fill(other.folder, other.user, "many", MANY)
        few = other.other("few")
        fill(few.folder, few.user, "few", FEW)
        yield from _many(other, few)
    yield from _of_many_users(disk)


def _rates(disk: Path, server: Served) -> Iterator[Row]:
    latencies: dict[str, float] = {}
    counter = iter(range(1000))

    def delete_all() -> float:
        name = f"rate{next(counter)}"
        fill(server.folder, server.user, name, _DELETIONS)
        return _deletions(server, ids(server.folder, name), latencies)

    yield Row(
        name="delete-rate",
        what=f"{_DELETIONS} deletions, {_CLIENTS} clients over HTTP",
        against="as many commits of SQLite alone (WAL, FULL)",
        bound=2,
        ours=delete_all,
        peer=lambda: commits(disk, _DELETIONS),
        further=latencies,
    )
    fill(server.folder, server.user, "one", 1)
    query = f"{_V1}?name=one&version=1&includeDeleted=true"
    with _empty_route() as address:
        yield Row(
            name="get-rate",
            what=f"{_REQUESTS} requests for one version by name and number",
            against="as many for an empty FastAPI route",
            bound=3,
            ours=lambda: _asked(server, query, _REQUESTS),
            peer=lambda: _ask(HTTPConnection(address), "/", {}, _REQUESTS),
        )


def _many(many: Served, few: Served) -> Iterator[Row]:
    at_few, at_many = (iter(ids(many.folder, name)) for name in ("few", "many"))
    numbers_few, numbers_many = iter(range(FEW, 0, -1)), iter(range(MANY, 0, -1))

    def row(
        name: str, what: str, ours: Callable[[], float | None], peer: Callable[[], float | None], bound: float
    ) -> Row:
        return Row(
            name=name,
            what=f"{what}, of {MANY:,} versions of one user",
            against=f"the same of {FEW}",
            bound=bound,
            ours=lambda: seconds(ours),
            peer=lambda: seconds(peer),
            rounds=5,
        )

    yield row(
        "many-page",
        "a page of the list",
        lambda: _asked(many, f"{_V1}?pageSize={FEW}", 10),
        lambda: _asked(few, f"{_V1}?pageSize={FEW}", 10),
        1.3,
    )
    yield row(
        "many-find",
        "find one by name and number",
        lambda: _asked(many, f"{_V1}?name=many&version=25000", 10),
        lambda: _asked(few, f"{_V1}?name=few&version=25", 10),
        1.3,
    )
    yield row(
        "many-delete",
        "delete one by id",
        lambda: _deleted(many, next(at_many)),
        lambda: _deleted(few, next(at_few)),
        1.3,
    )
    yield row(
        "many-cli-delete",
        "the CLI's delete by name and number",
        lambda: many.machine.grid("datastore", "delete", "--name", "many", "--version", str(next(numbers_many))),
        lambda: few.machine.grid("datastore", "delete", "--name", "few", "--version", str(next(numbers_few))),
        1.2,
    )
    yield Row(
        name="many-cli-list",
        what=f"the CLI's list of {MANY:,} versions",
        against="3 seconds",
        bound=1,
        ours=many.machine.does("datastore"),
        peer=lambda: 3.0,
    )
    embedded = Machine(many.folder, {**Machine.embedded(many.folder).environment, "LOGNAME": many.user})
    yield Row(
        name="many-embedded-list",
        what=f"the CLI's list of {MANY:,} versions, embedded",
        against="3 seconds",
        bound=1,
        ours=embedded.does("datastore"),
        peer=lambda: 3.0,
    )


def _of_many_users(disk: Path) -> Iterator[Row]:
    with served(disk / "many-users") as many, served(disk / "one-user") as one:
        fill(many.folder, many.user, "birds", FEW)
        fill_users(many.folder, many.user, 1000, FEW)
        fill(one.folder, one.user, "birds", FEW)
        for name, query in (("page", f"pageSize={FEW}"), ("find", "name=birds&version=25")):
            yield Row(
                name=f"users-{name}",
                what=f"{'a page of the list' if name == 'page' else 'find one version'}, beside 1,000 other users",
                against="the same without them",
                bound=1.2,
                ours=lambda query=query: _asked(many, f"{_V1}?{query}", 20),  # type: ignore[misc]
                peer=lambda query=query: _asked(one, f"{_V1}?{query}", 20),  # type: ignore[misc]
                rounds=5,
            )


def _headers(server: Served) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{server.user}:{server.key}'.encode()).decode()}"}


def _asked(server: Served, path: str, times: int) -> float:
    return _ask(HTTPConnection(server.address), path, _headers(server), times)


def _ask(connection: HTTPConnection, path: str, headers: dict[str, str], times: int) -> float:
    """Return the seconds of so many requests on one connection, without the first, which opens it."""
    _request(connection, "GET", path, headers)
    begin = time.perf_counter()
    for _ in range(times):
        _request(connection, "GET", path, headers)
    took = time.perf_counter() - begin
    connection.close()
    return took


def _deleted(server: Served, version_id: str) -> None:
    _request(HTTPConnection(server.address), "DELETE", f"{_V1}/{version_id}", _headers(server))


def _request(connection: HTTPConnection, method: str, path: str, headers: dict[str, str]) -> None:
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path} was answered with {answer.status}: {body[:500]!r}")


def _deletions(server: Served, version_ids: list[str], latencies: dict[str, float]) -> float:
    """Delete these versions with several clients at once; keep the latencies' percentiles in milliseconds."""

    def client(mine: list[str]) -> list[float]:
        connection, took = HTTPConnection(server.address), []
        for version_id in mine:
            begin = time.perf_counter()
            _request(connection, "DELETE", f"{_V1}/{version_id}", _headers(server))
            took.append(time.perf_counter() - begin)
        return took

    begin = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        each = pool.map(client, [version_ids[start::_CLIENTS] for start in range(_CLIENTS)])
        took = [one for many in each for one in many]
    whole = time.perf_counter() - begin
    cuts = statistics.quantiles(took, n=100)
    latencies.update(p50=cuts[49] * 1000, p99=cuts[98] * 1000, per_second=len(took) / whole)
    return whole


@contextmanager
def _empty_route() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([PYTHON, "-c", _EMPTY, str(port)], stdout=sys.stderr)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
