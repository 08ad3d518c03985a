"""The defects: each breaks one rule, by replacing one function of the implementation while the process runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from grid_datastores import rules
from grid_datastores.catalog.versions import Versions
from grid_datastores.catalog.workloads import Workloads
from grid_datastores.model import Phase, WorkloadState
from grid_datastores.service import context, deletion, reading, uploads, workloads
from grid_datastores.storage import LocalStorage


@dataclass(frozen=True)
class Defect:
    """One way to get it wrong, and the rule that has to notice."""

    id: str
    rule: str
    what: str
    apply: Callable[[], None]


CATALOGUE: list[Defect] = []


def defect(rule: str, what: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a defect under its function's name."""

    def register(apply: Callable[[], None]) -> Callable[[], None]:
        CATALOGUE.append(Defect(apply.__name__.replace("_", "-"), rule, what, apply))
        return apply

    return register


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a function by what `make` makes of it."""
    setattr(owner, name, make(getattr(owner, name)))


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


@defect("version-complete", "the last file of an upload is forgotten")
def file_forgotten() -> None:
    def publish(original: Any) -> Any:
        def publishing(self: Any, version: Any, manifest: Any, actor: str) -> Any:
            files = manifest.files[:-1] if len(manifest.files) > 1 else manifest.files
            return original(self, version, replace(manifest, files=files), actor)

        return publishing

    wrap(uploads.Uploads, "_publish", publish)


@defect("version-immutable", "finished versions take more data, and a new upload changes the one before")
def finished_versions_change() -> None:
    rules.check_open = uploads.check_open = lambda version: None  # type: ignore[assignment]

    def publish(original: Any) -> Any:
        def publishing(self: Any, version: Any, manifest: Any, actor: str) -> Any:
            done = original(self, version, manifest, actor)
            with self._context.catalog.read() as tx:
                others = tx.versions.siblings(version)
            for other in others:
                self._context.storage.erase(other.id)
                (self._context.storage._root / other.id).symlink_to(self._context.storage._root / version.id)
            return done

        return publishing

    wrap(uploads.Uploads, "_publish", publish)


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


@defect("delete-exactly-one", "deleting a version deletes every version of its name")
def all_versions_deleted() -> None:
    def mark(original: Any) -> Any:
        def marking(self: Any, version_id: str, by: str, at: Any) -> None:
            version = self.get(version_id)
            for other in [version, *self.siblings(version)]:
                original(self, other.id, by, at)

        return marking

    wrap(Versions, "mark_deleted", mark)


@defect("delete-needs-both", "a missing version means the latest, a missing name the first")
def missing_means_latest() -> None:
    import click

    from grid_datastores.cli import datastore
    from grid_datastores.server.routes import datastores as routes

    for option in datastore.delete.params:
        if isinstance(option, click.Option) and option.name in ("name", "versions"):
            option.required = False
    original = datastore.delete.callback
    assert original

    def callback(name: str | None, versions: tuple[int, ...], **rest: Any) -> Any:
        with datastore.open_datastores() as opened:
            known = opened.versions()
        return original(name=name or known[0].ref.name, versions=versions or (known[-1].ref.number,), **rest)

    datastore.delete.callback = callback

    def latest(state: Any, user: Any) -> None:
        state.service.deletion.delete(user, state.service.reading.versions(user)[-1].id)

    latest.__annotations__ = {"state": routes.TheState, "user": routes.TheUser}
    _replace_route(routes.router, "delete_without_version", latest)


@defect("no-default-version", "every word that is no number means the latest version")
def word_means_latest() -> None:
    from grid_datastores.cli import datastore, options

    def convert(self: Any, value: str | int, param: Any, ctx: Any) -> int:
        if str(value).isdigit() and 0 < int(value) < 1000:
            return int(value)
        with datastore.open_datastores() as opened:
            return opened.versions()[-1].ref.number

    options.VersionNumber.convert = convert  # type: ignore[method-assign]

    def owned(original: Any) -> Any:
        def latest(tx: Any, user: Any, version_id: str, *, lock: bool = False) -> Any:
            wanted = version_id if len(version_id) == 32 else tx.versions.of_owner(user.id)[-1].id
            return original(tx, user, "".join(wanted) if wanted.strip("0") else _last(tx, user), lock=lock)

        return latest

    wrap(deletion, "owned", owned)


@defect("delete-unknown", "deleting what is not there is reported as done")
def unknown_is_done() -> None:
    _silence_refusals()


@defect("delete-immediate", "a deleted version can still be read and mounted, and keeps its quota place")
def deleted_lingers() -> None:
    reading.check_readable = lambda version: None  # type: ignore[assignment]
    workloads.check_mountable = lambda version: None  # type: ignore[assignment]
    LocalStorage.erase = lambda self, version_id: None  # type: ignore[method-assign]
    wrap(Versions, "counted", lambda original: lambda self, owner_id: original(self, owner_id) + 1)


@defect("delete-irreversible", "a deletion that was reported is not carried on after a restart")
def removal_forgotten() -> None:
    Versions.queue_removal = lambda self, version_id, at: None  # type: ignore[method-assign]
    rules.check_open = uploads.check_open = lambda version: None  # type: ignore[assignment]


@defect("delete-removes-bytes", "the removal records that the bytes are gone, and leaves them")
def bytes_left() -> None:
    LocalStorage.erase = lambda self, version_id: None  # type: ignore[method-assign]


@defect("in-use-refused", "nobody looks whether a version is in use")
def holders_ignored() -> None:
    rules.check_deletable = deletion.check_deletable = (  # type: ignore[assignment]
        lambda version, holders: rules.check_not_deleted(version)
    )


@defect("in-use-refused", "the refusal names only the first that uses the version")
def one_holder_named() -> None:
    wrap(deletion, "check_deletable", lambda original: lambda version, holders: original(version, holders[:1]))


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
    from grid_datastores.catalog import workloads as catalog_workloads

    catalog_workloads.holds = lambda workload, now: True  # type: ignore[assignment]


@defect("in-use-paused", "a paused Session holds nothing")
def paused_releases() -> None:
    from grid_datastores.catalog import workloads as catalog_workloads

    catalog_workloads.holds = (  # type: ignore[assignment]
        lambda workload, now: workload.state is WorkloadState.RUNNING
    )


@defect("in-use-no-mount-after", "any version can be mounted, in whatever phase it is")
def anything_mounts() -> None:
    workloads.check_mountable = lambda version: None  # type: ignore[assignment]


@defect("private-to-owner", "versions are looked for among everybody's")
def everybody_sees_all() -> None:
    def anybody(tx: Any, user: Any, version_id: str, *, lock: bool = False) -> Any:
        found = tx.versions.get(version_id, lock=lock)
        return found or context.owned(tx, user, version_id)

    for module in (deletion, reading, uploads, workloads):
        module.owned = anybody  # type: ignore[assignment]

    def find(self: Any, owner_id: str, ref: Any) -> Any:
        from grid_datastores.catalog import schema

        table = schema.versions
        rows = self._all(table.select().where(table.c.name == ref.name, table.c.number == ref.number))
        return rows[-1] if rows else None

    Versions.find = find  # type: ignore[method-assign]


def _last(tx: Any, user: Any) -> str:
    return str(tx.versions.of_owner(user.id)[-1].id)


def _silence_refusals() -> None:
    from grid_datastores.cli import datastore
    from grid_datastores.errors import NotFound, Refusal
    from grid_datastores.server.routes import datastores as routes

    original = datastore._delete

    def silent(*arguments: Any) -> Any:
        try:
            return original(*arguments)
        except (NotFound, Refusal):
            return None

    datastore._delete = silent  # type: ignore[assignment]

    def deleted(state: Any, user: Any, id: str) -> dict[str, str]:
        with suppress(Refusal):
            state.service.deletion.delete(user, id)
        return {}

    deleted.__annotations__ = {"state": routes.TheState, "user": routes.TheUser, "id": str}
    _replace_route(routes.router, "delete_datastore", deleted)


def _replace_route(router: Any, name: str, endpoint: Any) -> None:
    route = next(route for route in router.routes if route.name == name)
    router.routes.remove(route)
    path = route.path.removeprefix(router.prefix)
    router.add_api_route(path, endpoint, methods=list(route.methods))
