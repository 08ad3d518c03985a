"""Removing a user: their key, sign-ins, Sessions and Runs end, and with an explicit word their versions are deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid_datastores.catalog.facts import LOCAL_OWNER, SIGNING_KEY
from grid_datastores.domain.commands import release_command
from grid_datastores.domain.errors import InUse, Refusal
from grid_datastores.domain.text import counted, format_utc
from grid_datastores.service.accounts import find_user

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from grid_datastores.catalog import Transaction
    from grid_datastores.domain.model import Holder, User, Version
    from grid_datastores.service.context import Context

_MAX_HOLDERS = 20  # that a message lists


@dataclass(frozen=True, slots=True)
class RemovedUser:
    """A removed user, the versions that were deleted with them, and how many of their Sessions and Runs ended."""

    user: User
    at: datetime
    versions: tuple[Version, ...]
    ended: int
    may_have_copies: bool  # see `service.copies`


class UserRemoval:
    """The use case of removing a user."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def remove(self, name: str, actor: str, *, delete_versions: bool = False) -> RemovedUser:
        """Remove the user of this name. Everything or nothing happens, in one transaction.

        Their key, sign-ins and signed URLs end, and their Sessions and Runs. With `delete_versions`, the `actor`
        deletes all their versions, under the rules of every deletion. A later user of the same name is another user.

        Raises `NotFound`, `InUse` if a version is in use, and a `Refusal` if the user has versions, owns the data of
        the embedded commands, or is the only one.
        """
        versions = self._versions(name) if delete_versions else []
        with self._context.catalog.write(frees_space=True, alone=True) as tx:
            now = self._context.clock()
            user = find_user(tx, name)
            _check_removable(tx, user)
            contents = tx.owners.contents(user)
            if contents != {(version.id, version.size_bytes, version.file_count) for version in versions}:
                versions = tx.versions.of_owner(user.id)  # they have changed meanwhile
            if contents and not delete_versions:
                raise _has_versions(user, len(contents))
            holders = tx.workloads.holders_by_version(user.id, None, self._context.leases.now(tx))
            if holders:
                raise _in_use(user, versions, holders)
            copies = tx.facts.get(SIGNING_KEY) is not None and tx.owners.has_run(user)
            tx.versions.erased_secret |= tx.owners.delete_versions(user, actor, now)
            ended = tx.owners.end_workloads(user, now)
            tx.sign_ins.end_all(user)
            tx.users.remove(user, now)
        self._context.wake_removal()
        return RemovedUser(user, now, tuple(versions), ended, copies)

    def _versions(self, name: str) -> list[Version]:
        """Return the versions of the user of this name. Reading many takes seconds, in which others can write."""
        with self._context.catalog.read() as tx:
            return tx.versions.of_owner(find_user(tx, name).id)


def _check_removable(tx: Transaction, user: User) -> None:
    """Raise a `Refusal` if the folder needs this user."""
    if tx.facts.get(LOCAL_OWNER) == user.id:
        raise Refusal(
            f"User {user.name} owns the versions of the commands that work in this folder without a server, so they"
            " cannot be removed. Nothing was changed."
            f" To end their access to the server, give them a new key: grid user key {user.name}"
        )
    if tx.users.count() == 1:
        raise Refusal(
            f"User {user.name} is the only user: without them, nobody can sign in. Nothing was changed."
            " Add another user first: grid user add NAME"
        )


def _has_versions(user: User, count: int) -> Refusal:
    return Refusal(
        f"User {user.name} has {counted(count, 'version')}, so they were not removed. Nothing was changed. To delete"
        f" {'it' if count == 1 else 'them'} with the user, for good: grid user remove {user.name} --delete-versions"
    )


def _in_use(user: User, versions: Sequence[Version], holders: Mapping[str, Sequence[Holder]]) -> InUse:
    """Return the refusal that names the holders of all versions, and how their user releases them."""
    held = list({holder.id: holder for version in versions for holder in holders.get(version.id, ())}.values())
    used = [version for version in versions if version.id in holders]
    what, them = (f"{used[0].ref} of theirs is", "it") if len(used) == 1 else (f"{len(used)} versions are", "them")
    lines = [
        f"\n  {release_command(holder)}  # {holder.kind} {holder.name}"
        f" ({holder.state} since {format_utc(holder.since)})"
        for holder in held[:_MAX_HOLDERS]
    ]
    more = f"\n  and {len(held) - _MAX_HOLDERS} more" if len(held) > _MAX_HOLDERS else ""
    return InUse(
        f"User {user.name} was not removed, and nothing was deleted: {what} in use."
        f" {user.name} can release {them}:{''.join(lines)}{more}",
        {"holders": ", ".join(holder.name for holder in held)},
    )
