"""The owner of a folder on this machine: one user, whoever types the commands (rule private-to-owner)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from grid_datastores.catalog.facts import LOCAL_OWNER, SIGNING_KEY
from grid_datastores.domain.model import EventKind, User
from grid_datastores.domain.naming import NAME_LENGTH, name_apart
from grid_datastores.domain.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from grid_datastores.catalog import Transaction
    from grid_datastores.catalog.owners import Moved

_NAME = "local"
_FORMER_SUFFIX = re.compile(r"(\.tar)?\.[a-z0-9]{1,8}$")
_FORMER_NOT_NAME = re.compile(r"[^a-z0-9_-]+")
_LISTED = 5  # renamed versions that a message names


def find_owner(tx: Transaction, person: str) -> User | None:
    """The owner that the catalog knows, or else an existing user that `choose_owner` would choose; changes nothing."""
    if known := tx.facts.get(LOCAL_OWNER):
        return tx.users.get(known)
    return _chosen(tx, person)


def choose_owner(tx: Transaction, person: str, now: datetime) -> tuple[User, str]:
    """Make one user the owner for good, and say in a sentence what this changed ("" for nothing).

    Where no server was ever started, only embedded commands can have made versions, and an older release made a user
    for each name that the operating system gave: all their versions go to one of these users. Where a server was
    started, its users keep what they have, and none of them becomes the owner by chance.
    """
    owner = _chosen(tx, person) or _made(tx, now)
    tx.facts.put(LOCAL_OWNER, owner.id)
    if _served(tx):
        return owner, _left_to_the_server(_others(tx, owner))
    return owner, _gather(tx, owner, person, now)


def left_out(tx: Transaction, owner: User | None) -> str:
    """A sentence on the versions that a folder without a known owner hides while nobody can write it ("" for none)."""
    others = [] if tx.facts.get(LOCAL_OWNER) else _others(tx, owner)
    if not others or _served(tx):
        return _left_to_the_server(others)
    return (
        f"The versions of {_names(others)} are not shown, because this folder has no owner yet and cannot be written."
        " To give it one, as a user who can write there: grid datastore"
    )


def former_name(person: str) -> str:
    """The name of the user that older releases made for a person of the operating system: their rule, not today's."""
    last = person.rstrip("/").rsplit("/", 1)[-1].lower()
    name = _FORMER_NOT_NAME.sub("-", _FORMER_SUFFIX.sub("", last))[:NAME_LENGTH].strip("-_")
    return name or _NAME


def _chosen(tx: Transaction, person: str) -> User | None:
    """The oldest user with versions, unless a server's users may have made them; else the user of the person's name."""
    with_versions = [] if _served(tx) else [user for user in tx.users.by_age() if tx.owners.has_any(user)]
    return next(iter(with_versions), None) or tx.users.named(former_name(person))


def _served(tx: Transaction) -> bool:
    return tx.facts.get(SIGNING_KEY) is not None


def _others(tx: Transaction, owner: User | None) -> list[User]:
    """The other users who have versions that are not deleted."""
    users = tx.users.by_age()
    return [user for user in users if (owner is None or user.id != owner.id) and tx.owners.has_some_left(user)]


def _made(tx: Transaction, now: datetime) -> User:
    user = User(secrets.token_hex(8), name_apart(_NAME, "owner", {user.name for user in tx.users.all()}))
    tx.users.add(user, secrets.token_urlsafe(32), now)
    return user


def _left_to_the_server(others: Sequence[User]) -> str:
    if not others:
        return ""
    return (
        f"The versions of {_names(others)} in this folder can be reached only through its server."
        " For a key to sign in there: grid user key NAME"
    )


def _names(users: Sequence[User]) -> str:
    return ", ".join(user.name for user in users)


def _gather(tx: Transaction, owner: User, person: str, now: datetime) -> str:
    moved: list[str] = []
    for user in (user for user in tx.users.by_age() if user.id != owner.id and tx.owners.has_any(user)):
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
