"""Defects that make a sentence of the pages false: a test that proves its fact has to notice.

They run in the process of the proving tests, so each is tried with every run of the tests, see
`tests/unit/test_fact_defects.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import select, update

from defects.registry import Change, expose, put, route, wrap
from grid_datastores.catalog import schema
from grid_datastores.domain.model import EventKind, Phase, User
from grid_datastores.domain.secrets import secret_digest

LEASE = 60  # seconds
HOUR = 3600 * 10**9  # nanoseconds
INTEGRITY = "grid_datastores.service.integrity"
LEASES = "grid_datastores.service.leases:Leases"
RULES = "grid_datastores.domain.rules"
USERS = "grid_datastores.catalog.users:Users"
VERSIONS = "grid_datastores.catalog.versions:Versions"
WORKLOADS = "grid_datastores.service.workloads:Workloads"


@dataclass(frozen=True)
class FactDefect:
    """Changes of the software that make a fact of the pages false; `what` is then true instead."""

    id: str
    fact: str
    what: str
    changes: Callable[[], Iterable[Change]]

    def apply(self) -> None:
        """Break the implementation in this process."""
        for change in list(self.changes()):
            change.apply()


FACT_DEFECTS: list[FactDefect] = []


def untrue(fact: str, what: str) -> Callable[[Callable[[], Iterable[Change]]], Callable[[], Iterable[Change]]]:
    """Register a defect under the name of its function, which returns the changes."""

    def register(changes: Callable[[], Iterable[Change]]) -> Callable[[], Iterable[Change]]:
        FACT_DEFECTS.append(FactDefect(changes.__name__.replace("_", "-"), fact, what, changes))
        return changes

    return register


@untrue("upload-expires-without-data", "an upload expires although its data arrives")
def arriving_data_counts_not() -> Iterator[Change]:
    yield wrap(f"{VERSIONS}.mark_active", lambda original: lambda self, version_id, at: None)


@untrue("fingerprint-of-paths-sizes-contents", "the fingerprint covers times and permissions, too")
def fingerprint_of_attributes() -> Iterator[Change]:
    covering = property(lambda manifest: sha256(manifest.encode()).hexdigest())
    yield put("grid_datastores.storage.manifest:Manifest.fingerprint", covering)


@untrue("usual-mount-path", "a version is mounted at /data/NAME by default")
def mounted_elsewhere() -> Iterator[Change]:
    def moved(original: Any) -> Any:
        return lambda path: original(path.replace("/datastores/", "/data/", 1))

    yield wrap(f"{RULES}:check_mount_path", moved)


@untrue("run-without-lease-holds-until-ended", "a heartbeat gives a lease to a Run that has none")
def heartbeat_gives_a_lease() -> Iterator[Change]:
    def leased(original: Any) -> Any:
        def heartbeat(self: Any, user: Any, workload_id: str) -> Any:
            run = original(self, user, workload_id)
            with self.context.catalog.write() as tx:
                tx.workloads.renew_lease(run.id, LEASE, self.context.clock())
                return tx.workloads.get(run.id)

        return heartbeat

    yield expose(WORKLOADS, "context")
    yield wrap(f"{WORKLOADS}.heartbeat", leased)


@untrue("life-of-a-version", "an upload cannot be deleted")
def uploads_stay() -> Iterator[Change]:
    yield wrap(f"{RULES}:phases_before", lambda original: lambda phase: original(phase) - {Phase.UPLOADING})


@untrue("refused-deletion-in-history", "the history has no refused deletion")
def refusal_not_recorded() -> Iterator[Change]:
    def silent(original: Any) -> Any:
        def record(self: Any, version_id: str, kind: EventKind, *rest: Any) -> None:
            if kind is not EventKind.REFUSED:
                original(self, version_id, kind, *rest)

        return record

    yield wrap(f"{VERSIONS}.record", silent)


@untrue("failed-with-the-cause", "a failed upload gives no cause")
def cause_not_told() -> Iterator[Change]:
    def vague(original: Any) -> Any:
        return lambda self, version_id, kind, actor, message, at: original(self, version_id, kind, actor, "", at)

    yield wrap(f"{VERSIONS}.record", vague)


@untrue("wrong-keys-are-limited", "a hundred wrong keys are accepted")
def more_wrong_keys() -> Iterator[Change]:
    yield put("grid_datastores.server.signing_in:MAX_WRONG_KEYS", 100)


@untrue("wrong-keys-are-limited", "Retry-After is in minutes")
def minutes_to_wait() -> Iterator[Change]:
    yield wrap("grid_datastores.domain.errors:TooManyAttempts.wait", lambda original: lambda s: original(s // 60 + 1))


@untrue("token-lives-twelve-hours", "a token is valid for one hour")
def token_of_an_hour() -> Iterator[Change]:
    yield put("grid_datastores.service.accounts:TOKEN_LIFETIME", timedelta(hours=1))


@untrue("requests-of-a-deletion", "the name does not filter the list of versions")
def every_name_listed() -> Iterator[Change]:
    def listed(original: Any) -> Any:
        return lambda **given: original(**given | {"name": ""})

    yield route("grid_datastores.server.routes.datastores:list_datastores", listed)


@untrue("zip-times-without-zone-are-utc", "times without a time zone are read an hour later")
def another_time_zone() -> Iterator[Change]:
    def later(original: Any) -> Any:
        def modified(info: Any) -> int | None:
            time = original(info)
            return time if time is None or info.extra else time + HOUR

        return modified

    yield wrap("grid_datastores.sources.zip_fields:modified", later)


@untrue("an-older-catalog-is-refused", "a catalog that is older than its data is used")
def older_catalog_used() -> Iterator[Change]:
    # Both the check before the catalog is opened and the one before each entry of the log ask this.
    yield wrap("grid_datastores.domain.log:continuation", lambda original: lambda *asked: original(*asked) or ())


@untrue("removal-ends-all-access", "the key of a removed user still works")
def removed_users_key_works() -> Iterator[Change]:
    def remove(original: Any) -> Any:
        def removing(self: Any, user: Any, at: Any) -> None:
            key_hash = self.key_hash(user.id)
            original(self, user, at)
            table = schema.users
            self.connection.execute(update(table).where(table.c.id == user.id).values(key_hash=key_hash))

        return removing

    def of_key(original: Any) -> Any:
        def finding(self: Any, id_or_name: str, key: str) -> Any:
            table = schema.users.c
            theirs = table.id == id_or_name, table.key_hash == secret_digest(key), table.removed_at.is_not(None)
            row = self.connection.execute(select(table.id, table.name).where(*theirs)).one_or_none()
            return User(row.id, row.name) if row else original(self, id_or_name, key)

        return finding

    yield expose(USERS, "connection")
    yield wrap(f"{USERS}.remove", remove)
    yield wrap(f"{USERS}.of_key", of_key)


@untrue("damaged-lists-are-refused", "a list of files is used as it is in storage")
def damaged_list_used() -> Iterator[Change]:
    def unchecked(chunks: Any, version: Any) -> tuple[int, str]:
        content = b"".join(chunks)
        return len(content), sha256(content).hexdigest()

    yield put(f"{INTEGRITY}:verify_manifest", unchecked)


@untrue("damaged-objects-are-not-sent", "the contents of files are sent as they are in storage")
def damaged_contents_sent() -> Iterator[Change]:
    yield put(f"{INTEGRITY}:verified_files", lambda chunks, files, start: chunks)


@untrue("bytes-gone-without-readers", "bytes are recorded as gone while a reader has a file open")
def gone_despite_readers() -> Iterator[Change]:
    def erase(original: Any) -> Any:
        return lambda self, version_id, **how: original(self, version_id, ignore_readers=True)

    yield wrap("grid_datastores.storage.local:LocalStorage.erase", erase)


@untrue("leases-survive-clock-steps", "a lease ends by the wall clock of each process")
def lease_by_the_wall_clock() -> Iterator[Change]:
    yield expose(LEASES, "clock")
    yield put(f"{LEASES}.now", lambda self, tx: self.clock())
