"""Defects of what a version is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, select, update

from defects.registry import SERVED, Change, defect, expose, put, wrap
from grid_datastores.catalog import schema
from grid_datastores.domain.model import Phase

FINISHING = "grid_datastores.service.finishing:Finishing"
UPLOADS = "grid_datastores.service.uploads:Uploads"
VERSIONS = "grid_datastores.catalog.versions:Versions"


@defect("version-per-upload", "an upload under a known name takes the first number again, and replaces")
def one_version_a_name() -> Iterator[Change]:
    def begin(original: Any) -> Any:
        def replacing(self: Any, user: Any, name: str, source: Any, *before: Any) -> Any:
            with self.context.catalog.write() as tx:
                for version in tx.versions.of_owner(user.id):
                    if version.ref.name == name:
                        tx.versions.mark_deleted(version.id, user.name, self.context.clock())
            return original(self, user, name, source, *before)

        return replacing

    yield expose(UPLOADS, "context")
    yield wrap(f"{UPLOADS}.begin", begin)


@defect("version-number-unused", "the number after the highest one that is there is given out")
def number_reused() -> Iterator[Change]:
    def forget_deleted(versions: Any, owner_id: str, name: str) -> None:
        last = max((v.ref.number for v in versions.of_owner(owner_id) if v.ref.name == name), default=0)
        forget(versions, owner_id, name, Phase.DELETED, last)

    yield from before_create(forget_deleted)


@defect("version-number-unused", "the number of a failed upload is given out again", *SERVED)
def failed_number_reused() -> Iterator[Change]:
    def forget_failed(versions: Any, owner_id: str, name: str) -> None:
        mine = [v for v in versions.of_owner(owner_id) if v.ref.name == name]
        last = max((v.ref.number for v in mine if v.phase is not Phase.FAILED), default=0)
        if any(v.phase is Phase.FAILED for v in mine):
            forget(versions, owner_id, name, Phase.FAILED, last)

    yield from before_create(forget_failed)


@defect("version-complete", "the last file of an upload is forgotten")
def file_forgotten() -> Iterator[Change]:
    yield publish_changed(
        lambda manifest: replace(manifest, files=manifest.files[:-1]) if len(manifest.files) > 1 else manifest
    )


# What a client of Grid's API or a browser sends has no such attributes.
@defect("version-complete", "no file is executable any more, and all times are forgotten", "cli", "cli-embedded")
def attributes_forgotten() -> Iterator[Change]:
    def plain(manifest: Any) -> Any:
        return replace(manifest, files=tuple(replace(f, executable=False, modified=None) for f in manifest.files))

    yield publish_changed(plain)


# Pages have relative addresses; without a server there is no proxy.
@defect(
    "version-complete",
    "behind a proxy, the addresses of parts and files are those of the server behind it",
    "api",
    "cli",
)
def addresses_behind_the_proxy() -> Iterator[Change]:
    yield put("grid_datastores.server.origin:origin", lambda request: str(request.base_url).rstrip("/"))


@defect("source-kinds", "the empty folders of an archive are forgotten")
def empty_folders_forgotten() -> Iterator[Change]:
    yield publish_changed(lambda manifest: replace(manifest, folders=()))


@defect("version-immutable", "finished versions take more data, and a new upload changes the one before")
def finished_versions_change() -> Iterator[Change]:
    def publish(original: Any) -> Any:
        def publishing(self: Any, version: Any, manifest: Any, *words: str) -> Any:
            done = original(self, version, manifest, *words)
            storage = self.context.storage
            with self.context.catalog.read() as tx:
                others = [other.id for other in siblings(tx.versions, version)]
            for other in others:
                storage.erase(other)
                storage.begin(other)
                for name in {file.object for file in manifest.files}:
                    copy_object(storage, name, version.id, other)
                storage.publish(other, manifest)
            return done

        return publishing

    yield put("grid_datastores.domain.rules:check_open", lambda version: None)
    yield expose(FINISHING, "context")
    yield wrap(f"{FINISHING}.publish", publish)


@defect("version-independent", "erasing a version erases a byte of each sibling")
def siblings_share_bytes() -> Iterator[Change]:
    def erase(original: Any) -> Any:
        def erasing(version: Any, context: Any) -> Any:
            storage = context.storage
            with context.catalog.read() as tx:
                others = [other.id for other in siblings(tx.versions, version) if other.phase is Phase.AVAILABLE]
            for other in others:
                for name in {file.object for file in storage.manifest(other).files}:
                    copy_object(storage, name, other, other, lambda content: content[:600] + b"\0" + content[601:])
            return original(version, context)

        return erasing

    yield wrap("grid_datastores.service.removal:erase", erase)


def publish_changed(change: Any) -> Change:
    """Publish every version with what `change` makes of its manifest."""

    def publish(original: Any) -> Any:
        return lambda self, version, manifest, *words: original(self, version, change(manifest), *words)

    return wrap(f"{FINISHING}.publish", publish)


def siblings(versions: Any, version: Any) -> list[Any]:
    """The other versions under the same name, except deleted and failed ones."""
    mine = versions.of_owner(version.owner_id)
    named = [other for other in mine if other.ref.name == version.ref.name and other.id != version.id]
    return [other for other in named if other.phase is not Phase.FAILED]


def before_create(do: Any) -> Iterator[Change]:
    """Do this with the versions of a name before one more is created."""

    def create(original: Any) -> Any:
        def creating(self: Any, owner_id: str, name: str, *rest: Any, **named: Any) -> Any:
            do(self, owner_id, name)
            return original(self, owner_id, name, *rest, **named)

        return creating

    yield expose(VERSIONS, "connection")
    yield wrap(f"{VERSIONS}.create", create)


def forget(versions: Any, owner_id: str, name: str, phase: Phase, last: int) -> None:
    """Delete the rows of the versions in this phase, and let the next number be the one after `last`."""
    table, datastores = schema.versions, schema.datastores
    of_name = table.c.owner_id == owner_id, table.c.name == name, table.c.phase == phase.value
    after = () if phase is Phase.FAILED else (table.c.number > last,)
    ids: Collection[str] = versions.connection.execute(select(table.c.id).where(*of_name, *after)).scalars().all()
    for other in (schema.events, schema.removals, schema.uploads):
        versions.connection.execute(delete(other).where(other.c.version_id.in_(ids)))
    versions.connection.execute(delete(table).where(table.c.id.in_(ids)))
    mine = datastores.c.owner_id == owner_id, datastores.c.name == name
    versions.connection.execute(update(datastores).where(*mine).values(last_number=last))


def copy_object(storage: Any, name: str, source: str, target: str, change: Any = bytes) -> None:
    """Write an object of one version into another, changed."""
    content = change(b"".join(storage.read(source, name)))
    with storage.new_object(target, name) as file:
        file.write(content)
