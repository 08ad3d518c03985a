"""Defects of versions in use."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import true

from defects.deletion import after_refusal
from defects.registry import WITHOUT_PAGES, Change, defect, expose, put, wrap
from defects.versions import siblings
from grid_datastores.catalog import schema
from grid_datastores.catalog.log import Log
from grid_datastores.catalog.versions import Versions
from grid_datastores.domain.model import WorkloadKind, WorkloadState

CHECK_DELETABLE = "grid_datastores.domain.rules:check_deletable"
DELETION = "grid_datastores.service.deletion:Deletion"
HOLDERS = "grid_datastores.catalog.workloads:Workloads"
HOLDING = "grid_datastores.catalog.workloads:holding"
WORKLOADS = "grid_datastores.service.workloads:Workloads"


@defect("in-use-refused", "nobody looks whether a version is in use")
def holders_ignored() -> Iterator[Change]:
    yield wrap(CHECK_DELETABLE, lambda original: lambda version, holders: original(version, ()))


@defect("in-use-refused", "the refusal names only the first that uses the version")
def one_holder_named() -> Iterator[Change]:
    yield wrap(CHECK_DELETABLE, lambda original: lambda version, holders: original(version, holders[:1]))


@defect("in-use-refused", "a deletion that is refused erases the bytes")
def refusal_erases() -> Iterator[Change]:
    yield from after_refusal(lambda self, user, version_id: self.context.storage.erase(version_id))


# Of a version that is in use the pages of the web UI show no button; embedded, a Run is a living command.
@defect("in-use-refused", "a deletion that is refused cancels the Runs that use the version", "api", "cli")
def refusal_cancels_runs() -> Iterator[Change]:
    def cancel(self: Any, user: Any, version_id: str) -> None:
        with self.context.catalog.write() as tx:
            for run in tx.workloads.of_owner(user.id, WorkloadKind.RUN):
                tx.workloads.set_state(run.id, WorkloadState.CANCELED, self.context.clock())

    yield from after_refusal(cancel)


@defect("in-use-this-version", "a mount holds every version of the name")
def siblings_held() -> Iterator[Change]:
    def holders(original: Any) -> Any:
        def all_holders(self: Any, version_id: str, now: Any) -> Any:
            versions = Versions(self.connection, Log(self.connection, 0))
            version = versions.get(version_id)
            ids = [version_id, *(other.id for other in siblings(versions, version))] if version else []
            return [holder for i in ids for holder in original(self, i, now)]

        return all_holders

    yield expose(HOLDERS, "connection")
    yield wrap(f"{HOLDERS}.holders", holders)


@defect("in-use-until-released", "a workload that has ended still holds its versions")
def never_released() -> Iterator[Change]:
    yield put(HOLDING, lambda now: true())


@defect("in-use-paused", "a paused Session holds nothing")
def paused_releases() -> Iterator[Change]:
    yield put(HOLDING, lambda now: schema.workloads.c.state == WorkloadState.RUNNING.value)


# The form of the web UI offers only what can be mounted, so nothing else can be asked for there.
@defect("in-use-no-mount-after", "any version can be mounted, in whatever phase it is", *WITHOUT_PAGES)
def anything_mounts() -> Iterator[Change]:
    yield put("grid_datastores.domain.rules:check_mountable", lambda version: None)


@defect("in-use-at-request", "whether a version is in use is looked up first, and then deleted without looking again")
def looked_up_too_early() -> Iterator[Change]:
    looked_up = threading.local()

    def check(original: Any) -> Any:
        def checking(version: Any, holders: Any) -> Any:
            return original(version, () if getattr(looked_up, "already", False) else holders)

        return checking

    def delete(original: Any) -> Any:
        def deleting(self: Any, user: Any, version_id: str) -> Any:
            if not self.verdict(user, version_id).refusal:
                time.sleep(1)
                looked_up.already = True
            try:
                return original(self, user, version_id)
            finally:
                looked_up.already = False

        return deleting

    yield wrap(CHECK_DELETABLE, check)
    yield wrap(f"{DELETION}.delete", delete)


@defect("in-use-dead-holder", "a Run whose process died holds for ever")
def dead_run_holds() -> Iterator[Change]:
    live = [state.value for state in WorkloadState if state.live]
    yield put(HOLDING, lambda now: schema.workloads.c.state.in_(live))
    yield put(f"{WORKLOADS}.end_expired_runs", lambda self, is_alive: None)


@defect("in-use-dead-holder", "nobody set another time, and a Run may miss its heartbeat for 100 minutes", "api")
def lease_too_long() -> Iterator[Change]:
    def read(original: Any) -> Any:
        def reading() -> Any:
            settings = original()
            if os.environ.get("GRID_LEASE"):
                return settings
            return replace(settings, limits=replace(settings.limits, lease=6000))

        return reading

    yield wrap("grid_datastores.settings:read_settings", read)


@defect("in-use-dead-holder", "a Run that lives does not renew its lease, by heartbeat or otherwise")
def heartbeat_ignored() -> Iterator[Change]:
    yield put(f"{WORKLOADS}.heartbeat", lambda self, user, run_id: self.get(user, WorkloadKind.RUN, run_id))
    yield put("grid_datastores.service.run_locks:RunLocks.is_alive", lambda self, run: False)
