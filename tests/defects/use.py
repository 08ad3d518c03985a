"""Defects of versions in use."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from sqlalchemy import true

from defects.deletion import after_refusal
from defects.registry import WITHOUT_PAGES, defect, put, wrap
from grid_datastores import settings
from grid_datastores.catalog import schema
from grid_datastores.catalog import workloads as catalog_workloads
from grid_datastores.catalog.versions import Versions
from grid_datastores.catalog.workloads import Workloads
from grid_datastores.domain import rules
from grid_datastores.domain.model import WorkloadKind, WorkloadState
from grid_datastores.service import deletion, run_locks, workloads


@defect("in-use-refused", "nobody looks whether a version is in use")
def holders_ignored() -> None:
    put(deletion, "check_deletable", lambda version, holders: rules.check_not_deleted(version))


@defect("in-use-refused", "the refusal names only the first that uses the version")
def one_holder_named() -> None:
    wrap(deletion, "check_deletable", lambda original: lambda version, holders: original(version, holders[:1]))


@defect("in-use-refused", "a deletion that is refused erases the bytes")
def refusal_erases() -> None:
    after_refusal(lambda self, user, version_id: self._context.storage.erase(version_id))


# Of a version that is in use the pages of the web UI show no button; embedded, a Run is a living command.
@defect("in-use-refused", "a deletion that is refused cancels the Runs that use the version", "api", "cli")
def refusal_cancels_runs() -> None:
    def cancel(self: Any, user: Any, version_id: str) -> None:
        with self._context.catalog.write() as tx:
            for run in tx.workloads.of_owner(user.id, WorkloadKind.RUN):
                tx.workloads.set_state(run.id, WorkloadState.CANCELED, self._context.clock())

    after_refusal(cancel)


@defect("in-use-this-version", "a mount holds every version of the name")
def siblings_held() -> None:
    def holders(original: Any) -> Any:
        def all_holders(self: Any, version_id: str, now: Any) -> Any:
            versions = Versions(self._connection)
            version = versions.get(version_id)
            ids = [version_id, *(other.id for other in versions.siblings(version))] if version else []
            return [holder for i in ids for holder in original(self, i, now)]

        return all_holders

    wrap(Workloads, "holders", holders)


@defect("in-use-until-released", "a workload that has ended still holds its versions")
def never_released() -> None:
    put(catalog_workloads, "holding", lambda now: true())


@defect("in-use-paused", "a paused Session holds nothing")
def paused_releases() -> None:
    put(catalog_workloads, "holding", lambda now: schema.workloads.c.state == WorkloadState.RUNNING.value)


# The form of the web UI offers only what can be mounted, so nothing else can be asked for there.
@defect("in-use-no-mount-after", "any version can be mounted, in whatever phase it is", *WITHOUT_PAGES)
def anything_mounts() -> None:
    put(workloads, "check_mountable", lambda version: None)


@defect("in-use-at-request", "whether a version is in use is looked up first, and then deleted without looking again")
def looked_up_too_early() -> None:
    check = deletion.check_deletable
    put(deletion, "check_deletable", lambda version, holders: rules.check_not_deleted(version))

    def delete(original: Any) -> Any:
        def deleting(self: Any, user: Any, version_id: str) -> Any:
            with self._context.catalog.read() as tx:
                version = deletion.owned(tx, user, version_id)
                check(version, tx.workloads.holders(version.id, self._context.clock()))
            time.sleep(1)
            return original(self, user, version_id)

        return deleting

    wrap(deletion.Deletion, "delete", delete)


def _live() -> Any:
    return schema.workloads.c.state.in_([state.value for state in WorkloadState if state.live])


@defect("in-use-dead-holder", "a Run whose process died holds for ever")
def dead_run_holds() -> None:
    put(catalog_workloads, "holding", lambda now: _live())
    put(workloads.Workloads, "end_expired_runs", lambda self, is_alive: None)


@defect("in-use-dead-holder", "nobody set another time, and a Run may miss its heartbeat for 100 minutes", "api")
def lease_too_long() -> None:
    put(settings, "LEASE", replace(settings.LEASE, default=6000))


@defect("in-use-dead-holder", "a Run that lives does not renew its lease, by heartbeat or otherwise")
def heartbeat_ignored() -> None:
    def heartbeat(self: Any, user: Any, workload_id: str) -> Any:
        with self._context.catalog.read() as tx:
            return workloads._owned_workload(tx, user, WorkloadKind.RUN, workload_id)

    put(workloads.Workloads, "heartbeat", heartbeat)
    put(run_locks.RunLocks, "is_alive", lambda self, run: False)
