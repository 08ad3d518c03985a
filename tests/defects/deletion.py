"""Defects of deletion."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import text, true, update

from defects.registry import WITHOUT_PAGES, Change, RouteChange, defect, expose, put, route, wrap
from defects.versions import siblings
from grid_datastores.catalog import schema
from grid_datastores.domain.errors import AlreadyDeleted, Refusal
from grid_datastores.domain.lists import Chosen

DELETION = "grid_datastores.service.deletion:Deletion"
READING = "grid_datastores.service.reading:Reading"
ROUTES = "grid_datastores.server.routes.datastores"
RULES = "grid_datastores.domain.rules"
STORAGE = "grid_datastores.storage.local:LocalStorage"
UPLOADS = "grid_datastores.service.uploads:Uploads"
VERSIONS = "grid_datastores.catalog.versions:Versions"


@defect("delete-exactly-one", "deleting a version deletes every version of its name")
def all_versions_deleted() -> Iterator[Change]:
    def mark(original: Any) -> Any:
        def marking(self: Any, version_id: str, by: str, at: Any) -> None:
            version = self.get(version_id)
            for other in [version, *siblings(self, version)]:
                original(self, other.id, by, at)

        return marking

    yield wrap(f"{VERSIONS}.mark_deleted", mark)


@defect("delete-exactly-one", "asking what would happen deletes")
def asking_deletes() -> Iterator[Change]:
    def verdict(original: Any) -> Any:
        def deleting(self: Any, user: Any, version_id: str) -> Any:
            answer = original(self, user, version_id)
            if not answer.refusal:
                self.delete(user, version_id)
            return answer

        return deleting

    def refusal(original: Any) -> Any:
        def deleting(self: Any, user: Any, version_id: str) -> Any:
            message = original(self, user, version_id)
            if not message:
                self.delete(user, version_id)
            return message

        return deleting

    yield wrap(f"{DELETION}.verdict", verdict)
    yield wrap(f"{DELETION}.refusal", refusal)


# On the web UI a deletion begins at a version: see `version_not_named`.
@defect("delete-needs-both", "a missing version means the latest, a missing name the first", *WITHOUT_PAGES)
def missing_means_latest() -> Iterator[Change]:
    def optional(params: Any) -> Any:
        changed = [copy.copy(param) for param in params]
        for param in changed:
            if param.name in ("name", "versions"):
                param.required = False
        return changed

    def command(original: Any) -> Any:
        def deleting(name: str | None, versions: tuple[int, ...], **rest: Any) -> Any:
            known = known_versions()
            return original(name=name or known[0].ref.name, versions=versions or (known[-1].ref.number,), **rest)

        return deleting

    def endpoint(original: Any) -> Any:
        from grid_datastores.server.state import TheState, TheUser

        def deleting(state: Any, user: Any) -> None:
            state.service.deletion.delete(user, list(state.service.listing.all(user, Chosen()))[-1].id)

        deleting.__annotations__ = {"state": TheState, "user": TheUser}
        return deleting

    yield wrap("grid_datastores.cli.deletion:delete.params", optional)
    yield wrap("grid_datastores.cli.deletion:delete.callback", command)
    yield RouteChange(f"{ROUTES}:delete_without_version", endpoint)


@defect("no-default-version", "every word that is no number means the latest version", *WITHOUT_PAGES)
def word_means_latest() -> Iterator[Change]:
    def convert(self: Any, value: str | int, param: Any, ctx: Any) -> int:
        if str(value).isdigit() and 0 < int(value) < 1000:
            return int(value)
        return int(known_versions()[-1].ref.number)

    def method(original: Any) -> Any:
        def of_latest(self: Any, user: Any, version_id: str) -> Any:
            if len(version_id) == 32 and version_id.strip("0"):
                return original(self, user, version_id)
            with self.context.catalog.read() as tx:
                latest = tx.versions.of_owner(user.id)[-1].id
            return original(self, user, latest)

        return of_latest

    yield put("grid_datastores.cli.options:VersionNumber.convert", convert)
    yield expose(DELETION, "context")
    yield wrap(f"{DELETION}.delete", method)
    yield wrap(f"{DELETION}.verdict", method)


@defect("delete-unknown", "deleting what is not there is reported as done", *WITHOUT_PAGES)
def unknown_is_done() -> Iterator[Change]:
    def gateway(original: Any) -> Any:
        def deleting(self: Any, ref: Any) -> Any:
            with suppress(Refusal):
                return original(self, ref)

        return deleting

    def endpoint(original: Any) -> Any:
        def deleting(**given: Any) -> dict[str, object]:
            with suppress(Refusal):
                original(**given)
            return {}

        return deleting

    yield wrap("grid_datastores.gateway.embedded:EmbeddedDatastores.delete", gateway)
    yield wrap("grid_datastores.gateway.http:HttpDatastores.delete", gateway)
    yield route(f"{ROUTES}:delete_datastore", endpoint)


# Of a deleted version the pages of the web UI show no button.
@defect("delete-unknown", "a second deletion is refused, and written down as the one that deleted", *WITHOUT_PAGES)
def tombstone_rewritten() -> Iterator[Change]:
    def again(self: Any, user: Any, version_id: str) -> None:
        with self.context.catalog.write() as tx:
            version = tx.versions.get(version_id)
            if version is not None and version.deleted_at is not None:
                rewritten = update(schema.versions).where(schema.versions.c.id == version_id)
                tx.versions.connection.execute(rewritten.values(deleted_at=self.context.clock(), deleted_by="mallory"))

    yield expose(VERSIONS, "connection")
    yield from after_refusal(again)


@defect("delete-immediate", "a deleted version stays in the list")
def deleted_listed() -> Iterator[Change]:
    def with_deleted(original: Any) -> Any:
        return lambda self, owner_id, chosen, *page: original(
            self, owner_id, replace(chosen, available=False, deleted=True), *page
        )

    yield wrap("grid_datastores.catalog.lists:Lists.chosen", with_deleted)
    yield put("grid_datastores.catalog.lists:current", lambda: text("1 = 1"))
    yield put("grid_datastores.catalog.schema:WITH_VERSIONS", true())


@defect("delete-immediate", "the files of a deleted version can still be read")
def deleted_read() -> Iterator[Change]:
    yield put(f"{RULES}:check_readable", lambda version: None)
    yield put(f"{READING}.get", lambda self, user, version_id: self.details(user, version_id).version)
    yield put(f"{STORAGE}.erase", lambda self, version_id, **how: False)


# The form of the web UI offers only what can be mounted, so nothing else can be asked for there.
@defect("delete-immediate", "a deleted version can still be mounted", *WITHOUT_PAGES)
def deleted_mounted() -> Iterator[Change]:
    yield put(f"{RULES}:check_mountable", lambda version: None)


@defect("delete-immediate", "every count of the versions is one too high")
def count_too_high() -> Iterator[Change]:
    yield wrap(f"{VERSIONS}.counted", lambda original: lambda self, owner_id: original(self, owner_id) + 1)


@defect("delete-immediate", "an address of a file that was handed out reads it after the deletion", "api")
def address_outlives() -> Iterator[Change]:
    def entry(original: Any) -> Any:
        def finding_on(self: Any, user: Any, version_id: str, path: str) -> Any:
            try:
                return original(self, user, version_id, path)
            except AlreadyDeleted:
                return next(entry for entry in self.context.storage.manifest(version_id).files if entry.path == path)

        return finding_on

    def file(original: Any) -> Any:
        def reading_on(self: Any, user: Any, version_id: str, path: str) -> Any:
            try:
                return original(self, user, version_id, path)
            except AlreadyDeleted:
                entry = self.entry(user, version_id, path)
                return entry, self.context.storage.read(version_id, entry.object, entry.offset, entry.size)

        return reading_on

    yield expose(READING, "context")
    yield wrap(f"{READING}.entry", entry)
    yield wrap(f"{READING}.file", file)
    yield put(f"{STORAGE}.erase", lambda self, version_id, **how: False)


@defect("delete-irreversible", "a deletion that was reported is not carried on after a restart")
def removal_forgotten() -> Iterator[Change]:
    yield put(f"{VERSIONS}.queue_removal", lambda self, version_id, at: None)


@defect("delete-irreversible", "a deleted version takes data again", "api")
def deleted_takes_data() -> Iterator[Change]:
    def announce(original: Any) -> Any:
        def announcing(self: Any, user: Any, version_id: str, parts_of: Any) -> Any:
            self.context.storage.begin(version_id)
            return original(self, user, version_id, parts_of)

        return announcing

    yield put(f"{RULES}:check_open", lambda version: None)
    yield expose(UPLOADS, "context")
    yield wrap(f"{UPLOADS}.announce", announce)


@defect("delete-removes-bytes", "the removal records that the bytes are gone, and leaves them")
def bytes_left() -> Iterator[Change]:
    yield put(f"{STORAGE}.erase", lambda self, version_id, **how: False)


@defect("delete-removes-bytes", "the removal moves the bytes to another folder")
def bytes_moved() -> Iterator[Change]:
    def erase(original: Any) -> Any:
        def moving(self: Any, version_id: str, **how: Any) -> Any:
            trash = self.root / "trash"
            trash.mkdir(exist_ok=True)
            manifest = self.published_manifest(version_id) if self.begun(version_id) else None
            for name in {file.object for file in manifest.files} if manifest else ():
                self.local_path(version_id, name).rename(trash / uuid4().hex)
            return original(self, version_id, **how)

        return moving

    yield expose(STORAGE, "root")
    yield wrap(f"{STORAGE}.erase", erase)


# The web UI has no command that would ask for copies; without a server a deletion erases them itself.
@defect("delete-removes-bytes", "a copy that a Run made stays when its version is deleted elsewhere", "api", "cli")
def copies_stay() -> Iterator[Change]:
    yield put("grid_datastores.service.copies:Copies.deleted", lambda self, user, version_ids: [])


def after_refusal(do: Any) -> Iterator[Change]:
    """Do this with every version whose deletion is refused."""

    def delete(original: Any) -> Any:
        def deleting(self: Any, user: Any, version_id: str) -> Any:
            try:
                return original(self, user, version_id)
            except Refusal:
                do(self, user, version_id)
                raise

        return deleting

    yield expose(DELETION, "context")
    yield wrap(f"{DELETION}.delete", delete)


def known_versions() -> Any:
    """The user's versions, as a command sees them."""
    from grid_datastores.cli.target import open_datastores

    with open_datastores() as opened:
        return list(opened.versions())
