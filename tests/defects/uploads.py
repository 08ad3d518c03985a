"""Defects of the quota, of uploads that are interrupted, and of sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select, update

from defects.registry import WITHOUT_PAGES, Change, defect, expose, put, wrap
from grid_datastores.catalog import schema
from grid_datastores.domain import naming
from grid_datastores.domain.model import EventKind, Phase, SourceKind

CHECK_QUOTA = "grid_datastores.domain.rules:check_quota"
FINISHING = "grid_datastores.service.finishing:Finishing"
NAMING = "grid_datastores.domain.naming"
UPLOADS = "grid_datastores.service.uploads:Uploads"
VERSIONS = "grid_datastores.catalog.versions:Versions"


@defect("quota-limit", "nobody counts versions before an upload")
def quota_ignored() -> Iterator[Change]:
    yield put(CHECK_QUOTA, lambda quota, unused: None)


@defect("quota-limit", "the refusal offers the version that was used last first")
def newest_offered_first() -> Iterator[Change]:
    yield wrap(f"{VERSIONS}.unused_longest", lambda original: lambda *who, **how: original(*who, **how)[::-1])


@defect("quota-freed", "a deleted version keeps its place")
def place_kept() -> Iterator[Change]:
    def counted(original: Any) -> Any:
        def counting(self: Any, owner_id: str) -> int:
            table = schema.versions
            deleted = table.c.owner_id == owner_id, table.c.phase == Phase.DELETED.value
            query = select(func.count()).select_from(table).where(*deleted)
            return int(original(self, owner_id)) + int(self.connection.execute(query).scalar_one())

        return counting

    yield expose(VERSIONS, "connection")
    yield wrap(f"{VERSIONS}.counted", counted)


# The web UI says that a version is in use before it asks; nothing is refused there that could free a place.
@defect("quota-freed", "a refused deletion frees a place", *WITHOUT_PAGES)
def refusal_frees() -> Iterator[Change]:
    def counted(original: Any) -> Any:
        def counting(self: Any, owner_id: str) -> int:
            kinds = {event.kind for version in self.of_owner(owner_id) for event in self.history(version.id)}
            return int(original(self, owner_id)) - (EventKind.REFUSED in kinds)

        return counting

    yield wrap(f"{VERSIONS}.counted", counted)


# A client of the API, or a browser, resumes nothing by itself.
@defect("upload-resumed", "an interrupted upload begins again from the start", "cli", "cli-embedded")
def resumed_from_the_start() -> Iterator[Change]:
    def interrupted(original: Any) -> Any:
        def forgetting(*arguments: Any) -> Any:
            found = original(*arguments)
            for journal in (*found.journals, *found.elsewhere):
                journal.objects.clear()
            return found

        return forgetting

    yield wrap("grid_datastores.machine.upload_journal:find_interrupted", interrupted)
    yield put(f"{UPLOADS}.stored_parts", lambda self, version_id, uploads: {})


@defect("upload-resumed", "an abandoned upload never expires")
def never_expires() -> Iterator[Change]:
    yield put(f"{FINISHING}.expire", lambda self: None)


@defect("source-kinds", "the objects of a bucket are only referred to, though they were to be copied")
def copied_by_reference() -> Iterator[Change]:
    def referring(version: Any) -> Any:
        if version.source.kind is not SourceKind.BUCKET:
            return version
        return replace(version, source=replace(version.source, kind=SourceKind.REFERENCE))

    def in_phase(original: Any) -> Any:
        def waiting(self: Any, phase: Any) -> Any:
            return [referring(version) for version in original(self, phase)]

        return waiting

    yield wrap(f"{VERSIONS}.in_phase", in_phase)


@defect("source-kinds", "the server fetches from any address, inside its own network too")
def any_address_fetched() -> Iterator[Change]:
    yield put("grid_datastores.sources.addresses:is_public", lambda address: True)


@defect("source-name", "the suffix of a file becomes part of the name")
def suffix_kept() -> Iterator[Change]:
    yield put(f"{NAMING}:name_from_source", naming.name_from_folder)


@defect("source-shown", "the source is forgotten when the version is finished")
def source_forgotten() -> Iterator[Change]:
    def finish(original: Any) -> Any:
        def forgetting(self: Any, version_id: str, **values: Any) -> None:
            original(self, version_id, **values)
            table = schema.versions
            self.connection.execute(update(table).where(table.c.id == version_id).values(source_location=""))

        return forgetting

    yield expose(VERSIONS, "connection")
    yield wrap(f"{VERSIONS}.finish", finish)


@defect("source-shown", "a key in an address is kept, and shown")
def key_kept() -> Iterator[Change]:
    yield put(f"{NAMING}:shown_location", lambda location: location)
