"""Defects of the quota, of uploads that are interrupted, and of sources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from defects.registry import WITHOUT_PAGES, defect, put, wrap
from grid_datastores.catalog.versions import Versions
from grid_datastores.domain import rules
from grid_datastores.domain.model import Phase
from grid_datastores.machine import upload_journal
from grid_datastores.service import finishing, uploads


@defect("quota-limit", "nobody counts versions before an upload")
def quota_ignored() -> None:
    put(uploads, "check_quota", lambda quota, unused: None)


@defect("quota-limit", "the refusal offers the version that was used last first")
def newest_offered_first() -> None:
    wrap(uploads.Uploads, "_unused_versions", lambda original: lambda self, tx, user: original(self, tx, user)[::-1])


@defect("quota-freed", "a deleted version keeps its place")
def place_kept() -> None:
    def counted(original: Any) -> Any:
        def counting(self: Any, owner_id: str) -> int:
            from grid_datastores.catalog import schema

            table = schema.versions
            gone = table.select().where(table.c.owner_id == owner_id, table.c.phase == Phase.DELETED.value)
            return int(original(self, owner_id)) + len(self._all(gone))

        return counting

    wrap(Versions, "counted", counted)


# The web UI says that a version is in use before it asks; nothing is refused there that could free a place.
@defect("quota-freed", "a refused deletion frees a place", *WITHOUT_PAGES)
def refusal_frees() -> None:
    def counted(original: Any) -> Any:
        def counting(self: Any, owner_id: str) -> int:
            refused = {event.kind for version in self.of_owner(owner_id) for event in self.history(version.id)}
            return int(original(self, owner_id)) - any(kind.value == "refused" for kind in refused)

        return counting

    wrap(Versions, "counted", counted)


# A client of the API, or a browser, resumes nothing by itself.
@defect("upload-resumed", "an interrupted upload begins again from the start", "cli", "cli-embedded")
def resumed_from_the_start() -> None:
    def read(original: Any) -> Any:
        def forgetting(path: Any, held: int) -> Any:
            found = original(path, held)
            if found is not None:
                found.objects = {}
            return found

        return forgetting

    wrap(upload_journal, "_read", read)
    put(uploads.Uploads, "stored_parts", lambda self, version_id, uploads: {})


@defect("upload-resumed", "an abandoned upload never expires")
def never_expires() -> None:
    put(finishing.Finishing, "expire", lambda self: None)


@defect("source-kinds", "the objects of a bucket are only referred to, though they were to be copied")
def copied_by_reference() -> None:
    def fetched(original: Any) -> Any:
        def referring(self: Any, version: Any) -> Any:
            from grid_datastores.domain.model import SourceKind

            if version.source.kind is not SourceKind.BUCKET:
                return original(self, version)
            source = replace(version.source, kind=SourceKind.REFERENCE)
            return original(self, replace(version, source=source))

        return referring

    wrap(finishing.Finishing, "_fetch", fetched)


@defect("source-kinds", "the server fetches from any address, inside its own network too")
def any_address_fetched() -> None:
    from grid_datastores.sources import addresses

    put(addresses, "is_public", lambda address: True)


@defect("source-name", "the suffix of a file becomes part of the name")
def suffix_kept() -> None:
    put(rules, "name_from_source", lambda location: rules._nearest_name(location.rstrip("/").rsplit("/", 1)[-1]))


@defect("source-shown", "the source is forgotten when the version is finished")
def source_forgotten() -> None:
    def finish(original: Any) -> Any:
        def forgetting(self: Any, version_id: str, **values: Any) -> None:
            original(self, version_id, **values)
            self._set(version_id, source_location="")

        return forgetting

    wrap(Versions, "finish", finish)


@defect("source-shown", "a key in an address is kept, and shown")
def key_kept() -> None:
    put(uploads, "shown_location", lambda location: location)
