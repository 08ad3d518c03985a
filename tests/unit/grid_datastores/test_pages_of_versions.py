"""The whole list of versions, page by page, and receipts: no request reads more than it returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process import Terminal
from manual_clock import Clock
from many_versions import MANY, filled, roomy, upload
from sqlalchemy import event
from test_lists import rows_read
from test_lists_of_workloads import Api

from grid_datastores.domain.errors import InvalidInput, NotFound
from grid_datastores.domain.lists import Chosen
from grid_datastores.domain.model import Phase, User, VersionRef, WorkloadKind
from grid_datastores.service import Service
from grid_datastores.service.listing import MAX_KEPT, MAX_PER_PAGE
from grid_datastores.wire.datastores import receipt_out
from guide import limits

PATH = "/v1/core/local/datastores"


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    with roomy(tmp_path, clock) as service:
        yield service


@pytest.fixture
def api(service: Service, ana: User) -> Api:
    return Api(service, ana)


def _listed(api: Api, **query: str) -> tuple[list[tuple[str, int]], str]:
    answer = api.get(PATH, **query).json()
    return [(item["name"], item["spec"]["version"]) for item in answer["datastores"]], answer["nextPageToken"]


@pytest.mark.proves("lists-of-versions-are-paged")
def test_the_api_lists_versions_page_by_page(service: Service, ana: User, api: Api) -> None:
    filled(service, ana, "b", 3)
    filled(service, ana, "a", 2)
    filled(service, ana, "gone", 4, Phase.DELETED)
    filled(service, ana, "c", 2, Phase.FAILED)
    first, token = _listed(api, pageSize="4")
    assert first == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert _listed(api, pageSize="4", pageToken=token) == ([("b", 3), ("c", 1), ("c", 2)], "")
    assert _listed(api, available="true")[0] == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)]
    assert _listed(api, name="b", version="2") == ([("b", 2)], "")
    assert _listed(api, name="gone") == ([], "")
    everything, token = _listed(api, includeDeleted="true", pageSize="10")
    assert (everything[-3:], _listed(api, includeDeleted="true", pageToken=token)) == (
        [("gone", 1), ("gone", 2), ("gone", 3)],
        ([("gone", 4)], ""),
    )
    filled(service, ana, "many", MAX_PER_PAGE)
    for size in ({"pageSize": "0"}, {"pageSize": str(MAX_PER_PAGE + 1)}, {"limit": "5000"}):
        assert len(_listed(api, **size)[0]) == MAX_PER_PAGE
    assert dict(limits.REQUESTS)["the versions in a page of the list"] == f"{MAX_PER_PAGE:,}"


@pytest.mark.proves("lists-of-versions-are-whole-without-a-page")
def test_without_a_page_the_api_lists_all_versions_and_reads_them_page_by_page(
    service: Service, ana: User, api: Api
) -> None:
    filled(service, ana, "data", 2 * MAX_PER_PAGE + 1)
    filled(service, ana, "gone", 2, Phase.DELETED)
    assert _listed(api) == ([("data", number) for number in range(1, 2 * MAX_PER_PAGE + 2)], "")
    assert _listed(api, available="true", name="data")[0] == _listed(api)[0]
    sized = api.get(PATH, limit="1").json()["datastores"]
    assert api.get(PATH).json()["datastores"][:1] == sized


def test_the_token_of_another_user_is_refused(service: Service, ana: User, api: Api) -> None:
    ben, _key = service.accounts.add("ben")
    filled(service, ben, "b", 1)
    assert api.get(PATH, pageToken="b-1").status_code == api.get(PATH, pageToken="x").status_code == InvalidInput.status


def test_a_page_reads_only_its_versions_in_the_order_of_an_index(service: Service, ana: User) -> None:
    for name in ("a", "b", "c"):
        filled(service, ana, name, MANY)
    filled(service, ana, "gone", MANY, Phase.DELETED)
    rows, queries = rows_read(service)
    for chosen in (Chosen(), Chosen("b"), Chosen("b", 7), Chosen(available=True), Chosen("b", available=True)):
        rows.clear()
        queries.clear()
        page = service.listing.page(ana, chosen, size=5)
        page = service.listing.page(ana, chosen, size=5, after=page.versions[-1].id)
        assert len(rows) <= 2 * 6 + 1
        assert not [query for query in queries if query.startswith("SCAN") or "TEMP B-TREE" in query], queries


def test_the_refusal_of_an_unknown_version_reads_a_few_numbers(service: Service, ana: User) -> None:
    filled(service, ana, "data", MANY)
    rows, _queries = rows_read(service)
    with pytest.raises(NotFound, match=rf"It has {MANY} versions, the newest is {MANY}\."):
        service.reading.find(ana, VersionRef("data", MANY + 1))
    assert len(rows) < 30


@pytest.mark.proves("receipts-list-the-newest")
def test_a_deletion_reads_as_little_among_many_versions(service: Service, ana: User) -> None:
    filled(service, ana, "data", MANY)
    rows, _queries = rows_read(service)
    receipt = receipt_out(service.deletion.delete(ana, "data-7"))
    assert len(rows) < MAX_KEPT + 30
    assert [one["version"] for one in receipt["kept"]] == list(range(MANY - MAX_KEPT + 1, MANY + 1))
    assert receipt["keptTotal"] == MANY - 1


def test_a_receipt_lists_the_newest_of_many_and_counts_all(
    service: Service, terminal: Terminal, tmp_path: Path
) -> None:
    folder = str(tmp_path)
    owner = service.accounts.local("ana")
    filled(service, owner, "data", MAX_KEPT + 10)
    numbers = [str(number) for number in (1, MAX_KEPT + 9, MAX_KEPT + 10)]
    words = ["datastore", "delete", "--name", "data", *(word for number in numbers for word in ("--version", number))]
    for dry_run in (["--dry-run"], []):
        receipts = terminal.json(*words, *dry_run, GRID_DIR=folder)
        assert [receipt["keptTotal"] for receipt in receipts] == [MAX_KEPT + 7] * 3
        assert not {int(number) for number in numbers} & {one["version"] for one in receipts[0]["kept"]}
    said = terminal.done("datastore", "delete", "--name", "data", "--version", "2", GRID_DIR=folder)
    assert f"Kept {MAX_KEPT + 6} versions of data, among them " in said
    assert f", {MAX_KEPT + 8} (not finished).\n" in said


def test_the_commands_list_all_pages(service: Service, terminal: Terminal, tmp_path: Path) -> None:
    folder = str(tmp_path)
    owner = service.accounts.local("ana")
    filled(service, owner, "data", MAX_PER_PAGE + 1)
    assert len(terminal.done("datastore", GRID_DIR=folder).splitlines()) == MAX_PER_PAGE + 2
    listed = terminal.json("datastore", GRID_DIR=folder)
    assert [one["spec"]["version"] for one in listed] == list(range(1, MAX_PER_PAGE + 2))
    upload(service, owner, "other")
    assert len(terminal.json("datastore", GRID_DIR=folder)) == MAX_PER_PAGE + 2


_WORK: dict[str, Callable[[Service, User], object]] = {
    "page": lambda service, owner: service.listing.page(owner, Chosen(), size=5),
    "next page": lambda service, owner: service.listing.page(owner, Chosen(), after="bad-50", size=5),
    "available ones": lambda service, owner: service.listing.page(owner, Chosen(available=True), after="bad-9", size=5),
    "all": lambda service, owner: service.listing.page(owner, Chosen(deleted=True), after="away-50", size=5),
    "of a name": lambda service, owner: service.listing.page(owner, Chosen("data"), after="data-50", size=5),
    "find": lambda service, owner: service.reading.find(owner, VersionRef("data", 30)),
    "find in the list": lambda service, owner: service.listing.page(owner, Chosen("data", 30, deleted=True)),
    "refuse": lambda service, owner: _refused(service, owner, VersionRef("data", 100_000)),
    "foretell": lambda service, owner: service.deletion.verdict(owner, "data-30"),
    "delete": lambda service, owner: service.deletion.delete(owner, "data-30"),
    "find a deleted one": lambda service, owner: service.reading.find(owner, VersionRef("away", 30)),
    "mount": lambda service, owner: service.workloads.start(owner, WorkloadKind.SESSION, "s", {"data-40": "/data"}),
    "overview": lambda service, owner: service.listing.overview(owner, "", 1),
    "offer for a mount": lambda service, owner: service.listing.mountable(owner, ""),
}


def test_no_request_works_longer_among_many_versions(tmp_path: Path, clock: Clock) -> None:
    """Counts the steps of SQLite's machine, which do not depend on the load of the computer."""
    few, many = (_steps(tmp_path / str(count), clock, count) for count in (110, 2 * MANY))
    assert {work: (few[work], many[work]) for work in _WORK if many[work] > 1.1 * few[work]} == {}
    assert few.keys() == _WORK.keys()


def _steps(folder: Path, clock: Clock, count: int) -> dict[str, int]:
    steps: Counter[str] = Counter()
    with roomy(folder, clock) as service:
        owner = service.accounts.local("ana")
        for name, phase in (("away", Phase.DELETED), ("bad", Phase.FAILED), ("data", Phase.AVAILABLE)):
            filled(service, owner, name, count, phase)
        for work, function in _WORK.items():

            def watch(connection: Any, *_rest: object, work: str = work) -> None:
                connection.connection.dbapi_connection.set_progress_handler(lambda: steps.update([work]), 1)

            event.listen(service.context.catalog._engine, "before_cursor_execute", watch)
            function(service, owner)
            event.remove(service.context.catalog._engine, "before_cursor_execute", watch)
    return steps


def _refused(service: Service, owner: User, ref: VersionRef) -> None:
    with pytest.raises(NotFound):
        service.reading.find(owner, ref)
