"""The owner of a folder on this machine: one user, whoever types the commands (rule private-to-owner)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from grid_datastores.catalog.facts import LOCAL_OWNER, SIGNING_KEY
from grid_datastores.errors import InvalidInput
from grid_datastores.model import EventKind, User
from grid_datastores.rules import name_apart, name_from_source
from grid_datastores.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from grid_datastores.catalog import Transaction
    from grid_datastores.catalog.owners import Moved

_NAME = "local"
_LISTED = 5  # renamed versions that a message names


def find_owner(tx: Transaction, person: str) -> User | None:
    """The owner that the catalog knows, or else would give to this person without a change; None when there is none."""
    if known := tx.facts.get(LOCAL_OWNER):
        return tx.users.get(known)
    users = tx.users.by_age()
    if len(users) == 1:
        return users[0]
    return tx.users.named(former_name(person))


def choose_owner(tx: Transaction, person: str, now: datetime) -> tuple[User, str]:
    """Make one user the owner for good, and say in a sentence what this changed ("" for nothing).

    An older release made a user for each name that the operating system gave. Their versions go to one of them. The
    users of a server are never merged: who owns what there is not for one of them to change.
    """
    users = tx.users.by_age()
    served = tx.facts.get(SIGNING_KEY) is not None
    owner = _chosen(tx, users, person, served=served) or _made(tx, now)
    tx.facts.put(LOCAL_OWNER, owner.id)
    others = [user for user in users if user.id != owner.id]
    return owner, _left_to_the_server(tx, others) if served else _gather(tx, owner, others, person, now)


def former_name(person: str) -> str:
    """The name of the user that older releases made for a person of the operating system."""
    try:
        return name_from_source(person)
    except InvalidInput:
        return _NAME


def _chosen(tx: Transaction, users: Sequence[User], person: str, *, served: bool) -> User | None:
    if len(users) == 1:
        return users[0]
    own = tx.users.named(former_name(person))
    if served:
        return own
    return next((user for user in users if tx.owners.has_any(user)), own or next(iter(users), None))


def _made(tx: Transaction, now: datetime) -> User:
    user = User(secrets.token_hex(8), name_apart(_NAME, "owner", {user.name for user in tx.users.all()}))
    tx.users.add(user, secrets.token_urlsafe(32), now)
    return user


def _left_to_the_server(tx: Transaction, others: Sequence[User]) -> str:
    names = [user.name for user in others if tx.owners.has_some_left(user)]
    if not names:
        return ""
    return (
        f"The versions of {', '.join(names)} in this folder can be reached only through its server."
        " For a key to sign in there: grid user key NAME"
    )


def _gather(tx: Transaction, owner: User, others: Sequence[User], person: str, now: datetime) -> str:
    moved: list[str] = []
    for user in others:
        given = tx.owners.give(user, owner)
        for one in given:
            where = f"from {user.name}, where it was {one.before}"
            tx.versions.record(one.version_id, EventKind.MOVED, person, where, now)
        if left := [one for one in given if not one.deleted]:
            moved.append(_said(user, left))
    return " ".join(moved)


def _said(user: User, moved: Sequence[Moved]) -> str:
    renamed = [one for one in moved if one.before != one.after]
    names = [f"{one.before.name} {one.before.number} is now {one.after.name} {one.after.number}" for one in renamed]
    more = [f"{len(names) - _LISTED} more are renamed"] if len(names) > _LISTED else []
    how = ", ".join(names[:_LISTED] + more)
    are = "is" if len(moved) == 1 else "are"
    return f"{counted(len(moved), 'version')} of {user.name} {are} now yours{f': {how}' if how else ''}."
