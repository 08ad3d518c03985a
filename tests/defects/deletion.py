"""Defects of deletion."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import uuid4

from defects.registry import WITHOUT_PAGES, defect, put, replace_route, wrap
from grid_datastores.catalog.versions import Versions
from grid_datastores.service import deletion, reading, uploads, workloads
from grid_datastores.storage import LocalStorage


@defect("delete-exactly-one", "deleting a version deletes every version of its name")
def all_versions_deleted() -> None:
    def mark(original: Any) -> Any:
        def marking(self: Any, version_id: str, by: str, at: Any) -> None:
            version = self.get(version_id)
            for other in [version, *self.siblings(version)]:
                original(self, other.id, by, at)

        return marking

    wrap(Versions, "mark_deleted", mark)


@defect("delete-exactly-one", "asking what would happen deletes")
def asking_deletes() -> None:
    def verdict(original: Any) -> Any:
        def deleting(self: Any, user: Any, version_id: str) -> Any:
            answer = original(self, user, version_id)
            if not answer.refusal:
                self.delete(user, version_id)
            return answer

        return deleting

    wrap(deletion.Deletion, "verdict", verdict)


# On the web UI a deletion begins at a version: see `version_not_named`.
@defect("delete-needs-both", "a missing version means the latest, a missing name the first", *WITHOUT_PAGES)
def missing_means_latest() -> None:
    import click

    from grid_datastores.cli import deletion as command
    from grid_datastores.server.routes import datastores as routes

    for option in command.delete.params:
        if isinstance(option, click.Option) and option.name in ("name", "versions"):
            option.required = False
    original = command.delete.callback
    assert original

    def callback(name: str | None, versions: tuple[int, ...], **rest: Any) -> Any:
        with command.open_datastores() as opened:
            known = opened.versions()
        return original(name=name or known[0].ref.name, versions=versions or (known[-1].ref.number,), **rest)

    put(command.delete, "callback", callback)

    def latest(state: Any, user: Any) -> None:
        state.service.deletion.delete(user, state.service.reading.versions(user)[-1].id)

    latest.__annotations__ = {"state": routes.TheState, "user": routes.TheUser}
    replace_route(routes.router, "delete_without_version", latest)


@defect("no-default-version", "every word that is no number means the latest version", *WITHOUT_PAGES)
def word_means_latest() -> None:
    from grid_datastores.cli import deletion as command
    from grid_datastores.cli import options

    def convert(self: Any, value: str | int, param: Any, ctx: Any) -> int:
        if str(value).isdigit() and 0 < int(value) < 1000:
            return int(value)
        with command.open_datastores() as opened:
            return opened.versions()[-1].ref.number

    put(options.VersionNumber, "convert", convert)

    def owned(original: Any) -> Any:
        def latest(tx: Any, user: Any, version_id: str, *, lock: bool = False) -> Any:
            wanted = version_id if len(version_id) == 32 else tx.versions.of_owner(user.id)[-1].id
            return original(tx, user, "".join(wanted) if wanted.strip("0") else _last(tx, user), lock=lock)

        return latest

    wrap(deletion, "owned", owned)


@defect("delete-unknown", "deleting what is not there is reported as done", *WITHOUT_PAGES)
def unknown_is_done() -> None:
    _silence_refusals()


# Of a deleted version the pages of the web UI show no button.
@defect("delete-unknown", "a second deletion is refused, and written down as the one that deleted", *WITHOUT_PAGES)
def tombstone_rewritten() -> None:
    def again(self: Any, user: Any, version_id: str) -> None:
        with self._context.catalog.write() as tx:
            version = tx.versions.get(version_id)
            if version is not None and version.deleted_at is not None:
                tx.versions.mark_deleted(version_id, "mallory", self._context.clock())

    after_refusal(again)


@defect("delete-immediate", "a deleted version stays in the list")
def deleted_listed() -> None:
    def of_owner(self: Any, owner_id: str) -> Any:
        from grid_datastores.catalog import schema

        table = schema.versions
        mine = table.select().where(table.c.owner_id == owner_id)
        return self._all(mine.order_by(table.c.name, table.c.number))

    put(Versions, "of_owner", of_owner)


@defect("delete-immediate", "the files of a deleted version can still be read")
def deleted_read() -> None:
    from grid_datastores.server.ui import datastores as pages

    put(pages, "check_readable", lambda version: None)
    put(reading, "check_readable", lambda version: None)
    put(reading, "check_not_deleted", lambda version: None)
    put(LocalStorage, "erase", lambda self, version_id: None)


# The form of the web UI offers only what can be mounted, so nothing else can be asked for there.
@defect("delete-immediate", "a deleted version can still be mounted", *WITHOUT_PAGES)
def deleted_mounted() -> None:
    put(workloads, "check_mountable", lambda version: None)


@defect("delete-immediate", "every count of the versions is one too high")
def count_too_high() -> None:
    wrap(Versions, "counted", lambda original: lambda self, owner_id: original(self, owner_id) + 1)


@defect("delete-immediate", "an address of a file that was handed out reads it after the deletion", "api")
def address_outlives() -> None:
    def file(original: Any) -> Any:
        def reading_on(self: Any, user: Any, version_id: str, path: str) -> Any:
            check = reading.check_readable
            put(reading, "check_readable", lambda version: None)
            try:
                return original(self, user, version_id, path)
            finally:
                put(reading, "check_readable", check)

        return reading_on

    wrap(reading.Reading, "file", file)
    put(LocalStorage, "erase", lambda self, version_id: None)


@defect("delete-irreversible", "a deletion that was reported is not carried on after a restart")
def removal_forgotten() -> None:
    put(Versions, "queue_removal", lambda self, version_id, at: None)


@defect("delete-irreversible", "a deleted version takes data again", "api")
def deleted_takes_data() -> None:
    def announce(original: Any) -> Any:
        def announcing(self: Any, user: Any, version_id: str, parts_of: Any) -> Any:
            self._context.storage.begin(version_id)
            return original(self, user, version_id, parts_of)

        return announcing

    put(uploads, "check_open", lambda version: None)
    wrap(uploads.Uploads, "announce", announce)


@defect("delete-removes-bytes", "the removal records that the bytes are gone, and leaves them")
def bytes_left() -> None:
    put(LocalStorage, "erase", lambda self, version_id: None)


@defect("delete-removes-bytes", "the removal moves the bytes to another folder")
def bytes_moved() -> None:
    def erase(self: Any, version_id: str) -> None:
        folder = self._root / version_id
        if folder.exists():
            trash = self._root.parent / "trash"
            trash.mkdir(exist_ok=True)
            folder.rename(trash / uuid4().hex)

    put(LocalStorage, "erase", erase)


# The web UI has no command that would ask for copies; without a server a deletion erases them itself.
@defect("delete-removes-bytes", "a copy that a Run made stays when its version is deleted elsewhere", "api", "cli")
def copies_stay() -> None:
    from grid_datastores.service.copies import Copies

    put(Copies, "deleted", lambda self, user, version_ids: [])


def after_refusal(do: Any) -> None:
    """Do this with every version whose deletion is refused."""
    from grid_datastores.domain.errors import Refusal

    def delete(original: Any) -> Any:
        def deleting(self: Any, user: Any, version_id: str) -> Any:
            try:
                return original(self, user, version_id)
            except Refusal:
                do(self, user, version_id)
                raise

        return deleting

    wrap(deletion.Deletion, "delete", delete)


def _last(tx: Any, user: Any) -> str:
    return str(tx.versions.of_owner(user.id)[-1].id)


def _silence_refusals() -> None:
    from grid_datastores.cli import deletion as command
    from grid_datastores.domain.errors import Refusal
    from grid_datastores.server.routes import datastores as routes

    put(command, "_raise_refusals", lambda refusals, requested, dry_run: None)

    def deleted(state: Any, user: Any, id: str) -> dict[str, str]:
        with suppress(Refusal):
            state.service.deletion.delete(user, id)
        return {}

    deleted.__annotations__ = {"state": routes.TheState, "user": routes.TheUser, "id": str}
    replace_route(routes.router, "delete_datastore", deleted)
