"""Lists of Sessions and Runs: page by page on every surface, and no page reads more than it shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from in_process import Browser, Terminal, answering
from manual_clock import Clock
from many_versions import filled, roomy
from sqlalchemy import insert
from test_lists import headers_of, rows_read

from grid_datastores.catalog import schema
from grid_datastores.domain.model import User, WorkloadKind
from grid_datastores.gateway.credentials import Server
from grid_datastores.gateway.http import HttpDatastores
from grid_datastores.server.app import create_app
from grid_datastores.service import Service
from grid_datastores.service.listing import WORKLOADS_PER_PAGE
from grid_datastores.service.workloads import MAX_PER_PAGE
from grid_datastores.wire import workloads as wire
from guide import limits

KEY = {WorkloadKind.SESSION: "sessions", WorkloadKind.RUN: "runs"}
PATH = {WorkloadKind.SESSION: "/v1/core/sessions", WorkloadKind.RUN: "/v1/core/local/runs"}
SIZE = {WorkloadKind.SESSION: "limit", WorkloadKind.RUN: "pageSize"}
FINAL = {WorkloadKind.SESSION: "failed", WorkloadKind.RUN: "succeeded"}


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    with roomy(tmp_path, clock) as service:
        filled(service, service.accounts.local("ana"), "data", 2)
        yield service


def started(service: Service, owner: User, kind: WorkloadKind, numbers: range, state: str = "") -> None:
    """Write workloads with these numbers into the catalog, each a second later, as if they had ended, or so."""
    at = service.now()
    rows = [
        {
            "id": f"{kind.lower()}-{number:05}",
            "kind": kind.value,
            "owner_id": owner.id,
            "name": f"w{number}",
            "state": state or FINAL[kind],
            "state_since": at,
            "created_at": at + timedelta(seconds=number),
        }
        for number in numbers
    ]
    mounts = [{"workload_id": row["id"], "version_id": f"data-{n}", "path": f"/d{n}"} for row in rows for n in (1, 2)]
    with service.context.catalog._engine.begin() as connection:
        connection.execute(insert(schema.workloads), rows)
        connection.execute(insert(schema.mounts), mounts)


class Api:
    """The API in this process, as Ana."""

    def __init__(self, service: Service, user: User) -> None:
        self._app = create_app(service)
        self._token = service.accounts.new_token(user)

    def get(self, path: str, **query: str) -> httpx.Response:
        return asyncio.run(self._get(path, query))

    async def _get(self, path: str, query: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        headers = {"authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as http:
            return await http.get(path, params=query)

    def listed(self, kind: WorkloadKind, **query: str) -> tuple[list[str], Any]:
        """The names on one page, and its answer."""
        answer = self.get(PATH[kind], **query).json()
        return [item["name"] for item in answer[KEY[kind]]], answer


@pytest.fixture
def api(service: Service, ana: User) -> Api:
    return Api(service, ana)


@pytest.mark.proves("lists-of-workloads-are-paged")
@pytest.mark.parametrize("kind", WorkloadKind)
def test_the_api_lists_workloads_page_by_page(service: Service, ana: User, api: Api, kind: WorkloadKind) -> None:
    started(service, ana, kind, range(7))
    started(service, ana, kind, range(7, 8), "deleted")
    token, pages = "", []
    while not pages or token:
        names, answer = api.listed(kind, **{SIZE[kind]: "3", "pageToken": token})
        token = answer["nextPageToken"]
        pages.append(names)
        if kind is WorkloadKind.RUN:
            assert answer.get("totalSize") == ("7" if len(pages) == 1 else None)
    assert pages == [["w0", "w1", "w2"], ["w3", "w4", "w5"], ["w6"]]
    started(service, ana, kind, range(8, MAX_PER_PAGE + 8))
    assert dict(limits.REQUESTS)["the Sessions or Runs in a page of the list"] == f"{MAX_PER_PAGE:,}"
    for size in ("", str(MAX_PER_PAGE + 1)):
        names, answer = api.listed(kind, **{SIZE[kind]: size})
        assert len(names) == MAX_PER_PAGE
        assert api.listed(kind, pageToken=answer["nextPageToken"])[0] == [f"w{MAX_PER_PAGE + n}" for n in range(1, 8)]


@pytest.mark.parametrize("kind", WorkloadKind)
def test_a_page_begins_where_the_one_before_it_ended_even_if_that_is_deleted(
    service: Service, ana: User, api: Api, kind: WorkloadKind
) -> None:
    started(service, ana, kind, range(4))
    _names, answer = api.listed(kind, **{SIZE[kind]: "2"})
    with service.context.catalog.write() as tx:
        for item in answer[KEY[kind]]:
            tx.workloads.set_state(item["id"], wire.WorkloadState.DELETED, service.now())
    assert api.listed(kind, pageToken=answer["nextPageToken"])[0] == ["w2", "w3"]


@pytest.mark.parametrize("kind", WorkloadKind)
def test_a_page_token_of_nobody_is_refused(service: Service, ana: User, api: Api, kind: WorkloadKind) -> None:
    ben, _key = service.accounts.add("ben")
    started(service, ben, kind, range(1))
    other = next(item for item in WorkloadKind if item is not kind)
    started(service, ana, other, range(1))
    for token in ("nothing", f"{kind.lower()}-00000", f"{other.lower()}-00000"):
        answer = api.get(PATH[kind], pageToken=token)
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (400, "INVALID_INPUT")
        assert "The page token is not valid." in answer.json()["message"]
    assert api.get(PATH[kind], **{SIZE[kind]: "many"}).status_code == 400


@pytest.mark.parametrize("kind", WorkloadKind)
def test_the_api_finds_a_workload_by_its_name(service: Service, ana: User, api: Api, kind: WorkloadKind) -> None:
    started(service, ana, kind, range(3))
    live = service.workloads.start(ana, kind, "w1", {})
    started(service, ana, kind, range(5, 6), "running")
    assert [item["id"] for item in api.listed(kind, name="w1")[1][KEY[kind]]] == [live.id]
    assert api.listed(kind, name="w2")[0] == ["w2"]
    assert api.listed(kind, name="w2", live="true")[0] == api.listed(kind, name="nothing")[0] == []
    assert api.listed(kind, live="true")[0] == ["w1", "w5"]


def test_no_list_of_workloads_reads_more_than_it_shows(
    service: Service, ana: User, browser: Browser, api: Api, clock: Clock, terminal: Terminal, tmp_path: Path
) -> None:
    for kind in WorkloadKind:
        started(service, ana, kind, range(MAX_PER_PAGE + 10))
        service.workloads.start(ana, kind, "live", {})
    token = f"run-{WORKLOADS_PER_PAGE:05}"
    ask = [
        lambda: browser.get("/workloads"),
        lambda: browser.get("/workloads?runs=2"),
        lambda: api.listed(WorkloadKind.SESSION, limit="5"),
        lambda: api.listed(WorkloadKind.RUN),
        lambda: api.listed(WorkloadKind.RUN, pageToken=token, pageSize="5"),
        lambda: api.listed(WorkloadKind.RUN, live="true"),
        lambda: api.listed(WorkloadKind.RUN, name="w7"),
        lambda: api.listed(WorkloadKind.RUN, name="nothing"),
        lambda: service.workloads.named(ana, WorkloadKind.RUN, "live"),
        lambda: list(service.workloads.list(ana, WorkloadKind.RUN, live=True)),
    ]
    rows, plan = rows_read(service)

    def read() -> list[int]:
        counts = []
        for one in ask:
            rows.clear()
            one()
            counts.append(len(rows))
        return counts

    few = read()
    assert max(few) <= 3 * (MAX_PER_PAGE + 1) + 10  # a row for each workload, and two for what it mounts
    for kind in WorkloadKind:
        started(service, ana, kind, range(2 * MAX_PER_PAGE, 5 * MAX_PER_PAGE))
    assert read() == few
    assert [step for step in plan if step.startswith("SCAN")] == []
    sorted_steps = [step for step in plan if "TEMP B-TREE" in step]
    assert len(sorted_steps) == len([step for step in plan if "SEARCH mounts" in step])  # only mounts are sorted


# What users see


@pytest.mark.proves("page-of-workloads-is-paged")
def test_the_page_of_workloads_begins_with_the_live_ones_and_is_paged(
    service: Service, ana: User, browser: Browser
) -> None:
    started(service, ana, WorkloadKind.RUN, range(1, 3), "running")
    started(service, ana, WorkloadKind.RUN, range(3, WORKLOADS_PER_PAGE + 3))
    started(service, ana, WorkloadKind.SESSION, range(100, 101), "paused")
    first = browser.get("/workloads")
    shown = ["w2", "w1", *(f"w{number}" for number in range(WORKLOADS_PER_PAGE + 2, 4, -1))]
    assert headers_of(first) == ["w100", *shown]
    [following] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(following)
    assert following == "/workloads?runs=2"
    assert headers_of(second) == ["w100", "w4", "w3"]
    assert 'rel="next"' not in second
    assert 'rel="prev" href="/workloads"' in second
    assert f"/workloads/run/run-00004/delete?back={'/workloads%3Fruns%3D2'}" in second
    for query in ("runs=9", "sessions=9"):
        assert "The list has no page 9." in browser.get(f"/workloads?{query}")
    assert browser.send("GET", "/workloads?runs=0").status_code == 400


def test_commands_without_a_server_list_all_pages(
    service: Service, ana: User, terminal: Terminal, tmp_path: Path
) -> None:
    count = MAX_PER_PAGE + 5
    for kind in WorkloadKind:
        started(service, ana, kind, range(count), "running")
    names = [f"w{number}" for number in range(count)]
    home = {"GRID_DIR": str(tmp_path)}
    assert [item["name"] for item in terminal.json("session", "list", **home)] == names
    assert [line.split()[0] for line in terminal.done("session", **home).splitlines()[1:]] == names
    assert [item["name"] for item in terminal.json("status", **home)["runs"]] == names


@pytest.mark.parametrize("kind", WorkloadKind)
def test_a_client_reads_all_pages_of_a_server(service: Service, ana: User, kind: WorkloadKind) -> None:
    started(service, ana, kind, range(3), "running")
    listed = list(service.workloads.list(ana, kind))
    out = wire.session_out if kind is WorkloadKind.SESSION else wire.run_out
    pages = [{KEY[kind]: [out(item, "local")], "nextPageToken": item.id} for item in listed[:2]]
    last = {KEY[kind]: [out(listed[2], "local")]}
    with answering([(200, {}, page) for page in (*pages, last)]) as (url, requests):
        client = HttpDatastores(Server(url, "ana", "key", "local"))
        assert list(client.workloads(kind)) == listed
        client.close()
    tokens = ["", f"?pageToken={listed[0].id}", f"?pageToken={listed[1].id}"]
    assert requests == [f"GET {PATH[kind]}{token}" for token in tokens]


def test_a_server_that_sends_one_page_again_and_again_is_not_understood(service: Service, ana: User) -> None:
    with answering([(200, {}, {"runs": [], "nextPageToken": "1"})]) as (url, requests):
        client = HttpDatastores(Server(url, "ana", "key", "local"))
        with pytest.raises(Exception, match=r"is not valid\. Is it a server"):
            list(client.workloads(WorkloadKind.RUN))
        client.close()
    assert len(requests) == 2


@pytest.mark.parametrize("kind", WorkloadKind)
def test_the_link_to_a_workload_leads_to_the_page_that_has_it(
    service: Service, browser: Browser, kind: WorkloadKind
) -> None:
    owner = service.accounts.local("ana")
    started(service, owner, kind, range(WORKLOADS_PER_PAGE + 5))
    started(service, owner, kind, range(500, 500 + WORKLOADS_PER_PAGE + 1), "running")
    for number in (0, 4, WORKLOADS_PER_PAGE + 4, 500, 501, 499 + WORKLOADS_PER_PAGE):
        found = f"{kind.lower()}-{number:05}"
        assert f'id="{found}"' in browser.get(f"/workloads?of={found}")
    ben, _key = service.accounts.add("ben")
    started(service, ben, kind, range(900, 901))
    assert f'id="{kind.lower()}-00900"' not in browser.get(f"/workloads?of={kind.lower()}-00900")
    assert browser.get("/workloads?of=unknown") == browser.get("/workloads")
