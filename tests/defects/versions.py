"""Defects of what a version is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from defects.registry import defect, put, wrap
from grid_datastores.catalog.versions import Versions
from grid_datastores.domain.model import Phase
from grid_datastores.service import finishing, uploads
from grid_datastores.storage import LocalStorage


@defect("version-per-upload", "an upload under a known name takes the first number again, and replaces")
def one_version_a_name() -> None:
    def begin(original: Any) -> Any:
        def replacing(self: Any, user: Any, name: str, source: Any) -> Any:
            with self._context.catalog.write() as tx:
                for version in tx.versions.of_owner(user.id):
                    if version.ref.name == name:
                        tx.versions.mark_deleted(version.id, user.name, self._context.clock())
            return original(self, user, name, source)

        return replacing

    wrap(uploads.Uploads, "begin", begin)


@defect("version-number-unused", "the number after the highest one that is there is given out")
def number_reused() -> None:
    def take(original: Any) -> Any:
        def taking(self: Any, owner_id: str, name: str) -> Any:
            from sqlalchemy import delete, update

            from grid_datastores.catalog import schema

            there = [v.ref.number for v in self.of_owner(owner_id) if v.ref.name == name]
            last = max(there, default=0)
            table = schema.versions
            gone = table.c.owner_id == owner_id, table.c.name == name, table.c.phase == Phase.DELETED.value
            ids = [v.id for v in self._all(table.select().where(*gone, table.c.number > last))]
            for other in (schema.events, schema.removals, schema.uploads):
                self._connection.execute(delete(other).where(other.c.version_id.in_(ids)))
            self._connection.execute(delete(table).where(table.c.id.in_(ids)))
            store = schema.datastores
            mine = store.c.owner_id == owner_id, store.c.name == name
            self._connection.execute(update(store).where(*mine).values(last_number=last))
            return original(self, owner_id, name)

        return taking

    wrap(Versions, "_take_number", take)


@defect(
    "version-number-unused",
    "the number of a failed upload is given out again",
    "api",
    "cli",
    "ui",
)
def failed_number_reused() -> None:
    def take(original: Any) -> Any:
        def taking(self: Any, owner_id: str, name: str) -> Any:
            from sqlalchemy import delete, update

            from grid_datastores.catalog import schema

            mine = [v for v in self.of_owner(owner_id) if v.ref.name == name]
            failed = [v.id for v in mine if v.phase is Phase.FAILED]
            for other in (schema.events, schema.removals, schema.uploads):
                self._connection.execute(delete(other).where(other.c.version_id.in_(failed)))
            self._connection.execute(delete(schema.versions).where(schema.versions.c.id.in_(failed)))
            if failed:
                last = max((v.ref.number for v in mine if v.id not in failed), default=0)
                store = schema.datastores
                row = store.c.owner_id == owner_id, store.c.name == name
                self._connection.execute(update(store).where(*row).values(last_number=last))
            return original(self, owner_id, name)

        return taking

    wrap(Versions, "_take_number", take)


@defect("version-complete", "the last file of an upload is forgotten")
def file_forgotten() -> None:
    def publish(original: Any) -> Any:
        def publishing(self: Any, version: Any, manifest: Any, *told: str) -> Any:
            files = manifest.files[:-1] if len(manifest.files) > 1 else manifest.files
            return original(self, version, replace(manifest, files=files), *told)

        return publishing

    wrap(finishing.Finishing, "publish", publish)


def _publish_without(change: Any) -> None:
    def publish(original: Any) -> Any:
        return lambda self, version, manifest, *told: original(self, version, change(manifest), *told)

    wrap(finishing.Finishing, "publish", publish)


# What a client of Grid's API or a browser sends has no such attributes.
@defect("version-complete", "no file is executable any more, and all times are forgotten", "cli", "cli-embedded")
def attributes_forgotten() -> None:
    def plain(manifest: Any) -> Any:
        return replace(manifest, files=tuple(replace(f, executable=False, modified=None) for f in manifest.files))

    _publish_without(plain)


# Pages have relative addresses; without a server there is no proxy.
@defect(
    "version-complete",
    "behind a proxy, the addresses of parts and files are those of the server behind it",
    "api",
    "cli",
)
def addresses_behind_the_proxy() -> None:
    from grid_datastores.server.routes import contents, uploads

    for module in (contents, uploads):
        put(module, "origin", lambda request: str(request.base_url).rstrip("/"))


@defect("source-kinds", "the empty folders of an archive are forgotten")
def empty_folders_forgotten() -> None:
    _publish_without(lambda manifest: replace(manifest, folders=()))


@defect("version-immutable", "finished versions take more data, and a new upload changes the one before")
def finished_versions_change() -> None:
    put(uploads, "check_open", lambda version: None)

    def publish(original: Any) -> Any:
        def publishing(self: Any, version: Any, manifest: Any, *told: str) -> Any:
            done = original(self, version, manifest, *told)
            with self._context.catalog.read() as tx:
                others = tx.versions.siblings(version)
            for other in others:
                self._context.storage.erase(other.id)
                (self._context.storage._root / other.id).symlink_to(self._context.storage._root / version.id)
            return done

        return publishing

    wrap(finishing.Finishing, "publish", publish)


@defect("version-independent", "erasing a version erases a byte of each sibling")
def siblings_share_bytes() -> None:
    def erase(original: Any) -> Any:
        def erasing(self: Any, version_id: str) -> None:
            original(self, version_id)
            for folder in self._root.iterdir():
                for path in folder.iterdir():
                    if not path.name.startswith("manifest"):
                        with path.open("r+b") as file:
                            file.seek(600)
                            file.write(b"\0")

        return erasing

    wrap(LocalStorage, "erase", erase)
