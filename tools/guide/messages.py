"""What each kind of refusal says: real messages, of calls that are refused on datastores in a temporary folder."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

from grid_datastores.domain.errors import (
    Busy,
    CrossOriginForm,
    HostRefused,
    InUse,
    NotFound,
    NotUnderstood,
    QuotaReached,
    Refusal,
    TooLarge,
    TooManyAttempts,
)
from grid_datastores.domain.model import Holder, Quota, Source, SourceKind, VersionRef, WorkloadKind, WorkloadState
from grid_datastores.domain.naming import check_name, parse_number
from grid_datastores.gateway.connection import Connection
from grid_datastores.gateway.credentials import find_server
from grid_datastores.gateway.embedded import EmbeddedDatastores
from grid_datastores.machine import uploads
from grid_datastores.machine.restore import check_new
from grid_datastores.server.app import no_such_operation, unexpected
from grid_datastores.service import open_service
from grid_datastores.service.run_locks import RunLocks
from grid_datastores.settings import QUOTA, Limits, Settings
from grid_datastores.sources import parse_source, scan
from grid_datastores.storage.space import NO_SPACE_TO_FETCH, raising_no_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from grid_datastores.domain.model import User, Version
    from grid_datastores.service import Service

_NAME = "my-training-data"
_SECOND = VersionRef(_NAME, 2)
_NOW = datetime(2022, 5, 4, 9, 30, tzinfo=UTC)
_URL = "https://grid.example"
_SHOWN = Path("/home/ana")  # for the temporary folder


@dataclass(frozen=True, slots=True)
class _Home:
    """A folder with the datastores of a user, who has two versions and a version that waits for its data."""

    folder: Path
    settings: Settings
    service: Service
    user: User
    datastores: EmbeddedDatastores
    first: Version
    second: Version
    waiting: Version

    def create(self, progress: Callable[[int], object] = lambda _count: None) -> Version:
        """One more version of the folder with data."""
        data = scan(str(self.folder / "data"))
        return uploads.create(self.datastores, self.settings.directory, _NAME, data, progress)


def messages() -> Mapping[type[Refusal], Sequence[str]]:
    """The messages by kind. Raises `AssertionError` if an example is not refused."""
    found: dict[type[Refusal], list[str]] = defaultdict(list)
    with _home() as home:
        for example in (*_OF_VALUES, *_AT_HOME):
            kind, message = _refused(example, home)
            found[kind].append(message.replace(str(home.folder), str(_SHOWN)))
    return found


def _refused(example: Callable[[_Home], object], home: _Home) -> tuple[type[Refusal], str]:
    """Not the refusal itself: its traceback would keep the journal of an interrupted upload open."""
    try:
        answer = example(home)
    except Refusal as refusal:
        return type(refusal), refusal.message
    assert isinstance(answer, Refusal), f"Not refused: {answer!r}"
    return type(answer), answer.message


@contextmanager
def _home() -> Iterator[_Home]:
    kept = {name: text for name, text in os.environ.items() if not name.lower().endswith("_proxy")}
    with TemporaryDirectory() as name, patch.dict(os.environ, kept, clear=True):
        folder = Path(name)
        settings = Settings(folder / ".grid", folder / ".grid" / "data" / "catalog.sqlite", Limits())
        (folder / "data").mkdir()
        (folder / "data" / "birds.csv").write_text("a,b\n", "utf-8")
        service = open_service(settings, wake_workers=lambda: None, clock=lambda: _NOW)
        with closing(service.context.catalog):
            user = service.accounts.local("ana")
            runs = RunLocks(settings.data / "runs")
            datastores = EmbeddedDatastores(service, user, settings.data, runs)
            waiting = datastores.begin("birds", Source(SourceKind.FILES, str(folder / "data")))
            home = _Home(folder, settings, service, user, datastores, waiting, waiting, waiting)
            yield replace(home, first=home.create(), second=home.create())


def _holders() -> list[Holder]:
    since = datetime(2022, 5, 4, 8, 15, tzinfo=UTC)
    return [
        Holder(WorkloadKind.SESSION, "1", "tuning", WorkloadState.PAUSED, since),
        Holder(WorkloadKind.RUN, "2", "train", WorkloadState.RUNNING, _NOW),
    ]


def _without_server(_home: _Home) -> object:
    with closing(Connection("http://127.0.0.1:9", None)) as connection:
        return connection.call("GET", "/v1/core/sessions")


def _signed_in_nowhere(home: _Home) -> object:
    with patch.dict(os.environ, {"GRID_URL": _URL}):
        return find_server(home.settings)


def _interrupted(home: _Home) -> object:
    def interrupt(_count: int) -> None:
        raise KeyboardInterrupt

    return home.create(interrupt)


def _changed(home: _Home) -> object:
    return home.create(lambda _count: (home.folder / "data" / "birds.csv").write_text("a,b,c\n", "utf-8"))


def _full(_home: _Home) -> object:
    with raising_no_space(NO_SPACE_TO_FETCH):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _to_a_folder_that_exists(home: _Home) -> None:
    check_new(home.folder / "data")


def _incomplete(home: _Home) -> None:
    home.service.uploads.announce(home.user, home.waiting.id, {"birds.csv": 1, "trees.csv": 1})
    home.service.uploads.complete(home.user, home.waiting.id)


def _expired_run(home: _Home) -> object:
    """A heartbeat of a Run that has ended."""
    run = home.datastores.start(WorkloadKind.RUN, "nightly", {home.second.ref: ""}, leased=True)
    home.datastores.end(run, WorkloadState.FAILED)
    return home.service.workloads.heartbeat(home.user, run.id)


def _ended_run(home: _Home) -> object:
    run = home.datastores.start(WorkloadKind.RUN, "train", {home.second.ref: ""})
    home.datastores.end(run, WorkloadState.SUCCEEDED)
    return home.datastores.set_state(WorkloadKind.RUN, "train", WorkloadState.CANCELED)


def _deleted_twice(home: _Home) -> object:
    home.datastores.delete(home.first.ref)
    return home.datastores.delete(home.first.ref)


def _without_bytes(home: _Home) -> object:
    storage = home.service.context.storage
    storage.erase(home.second.id)
    return home.datastores.manifest(home.second)


def _no_catalog(home: _Home) -> object:
    folder = home.folder / "catalog"
    folder.mkdir()
    return open_service(replace(home.settings, catalog=folder), wake_workers=lambda: None)


def _empty_catalog(home: _Home) -> object:
    catalog = home.folder / "empty.sqlite"
    catalog.touch()
    return open_service(replace(home.settings, catalog=catalog), wake_workers=lambda: None)


def _older_catalog(home: _Home) -> object:
    catalog = home.folder / "older.sqlite"
    with closing(sqlite3.connect(home.settings.catalog)) as newer:
        newer.execute("VACUUM INTO ?", (str(catalog),))
    home.datastores.begin("trees", Source(SourceKind.FILES, str(home.folder / "data")))
    return open_service(replace(home.settings, catalog=catalog), wake_workers=lambda: None)


_OF_VALUES: tuple[Callable[[_Home], object], ...] = (
    lambda _: check_name("My Training Data"),
    lambda _: parse_number("latest"),
    lambda _: parse_source("ftp://files.example/birds.zip"),
    lambda _: QUOTA.parse(QUOTA.name, "many"),
    lambda _: TooManyAttempts.wait(240),
    lambda _: HostRefused.of("grid.internal"),
    lambda _: TooLarge.than(1024 * 1024),
    lambda _: CrossOriginForm.at(_URL),
    lambda _: NotFound.version(_SECOND, [1, 3], 2),
    lambda _: NotFound.version(_SECOND, [], 0),
    lambda _: NotFound.id("datastore", "b1946ac9"),
    lambda _: InUse.of(_SECOND, _holders()[:1]),
    lambda _: InUse.of(_SECOND, [*_holders(), _holders()[1]._replace(id="3", name="train-again")]),
    lambda _: QuotaReached.of(Quota(50, 50), [VersionRef("birds", 1), VersionRef(_NAME, 1)]),
    lambda _: QuotaReached.of(Quota(50, 50), []),
    lambda _: no_such_operation("GET", "/v1/core/datasets"),
    lambda _: Busy.waited(),
    lambda _: unexpected("7d1e09c4"),
    lambda _: NotUnderstood.of(_URL),
    lambda _: scan("/data/birds"),
    _without_server,
    _full,
)

# In this order: the later ones change what the earlier ones need.
_AT_HOME: tuple[Callable[[_Home], object], ...] = (
    _signed_in_nowhere,
    lambda home: home.service.accounts.sign_in("ana", "wrong"),
    lambda home: home.datastores.start(WorkloadKind.SESSION, "tuning", {home.waiting.ref: ""}),
    lambda home: home.datastores.manifest(home.waiting),
    lambda home: home.service.uploads.complete(home.user, home.waiting.id),
    _incomplete,
    _to_a_folder_that_exists,
    lambda home: home.service.uploads.announce(home.user, home.first.id, {"a": 1}),
    lambda home: [home.datastores.start(WorkloadKind.SESSION, "tuning", {home.second.ref: ""}) for _ in range(2)],
    lambda home: home.datastores.set_state(WorkloadKind.RUN, "train", WorkloadState.CANCELED),
    _ended_run,
    _expired_run,
    _interrupted,
    _changed,
    _deleted_twice,
    _without_bytes,
    _no_catalog,
    _empty_catalog,
    _older_catalog,
)
