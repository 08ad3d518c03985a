"""The owner of a folder on this machine: one user, whoever runs the commands (rule private-to-owner)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from grid_datastores.catalog.facts import LOCAL_OWNER, SIGNING_KEY
from grid_datastores.domain.model import EventKind, User
from grid_datastores.domain.naming import MAX_NAME_LENGTH, unique_name
from grid_datastores.domain.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from grid_datastores.catalog import Transaction
    from grid_datastores.catalog.owners import MovedVersion

_NAME = "local"
_FORMER_SUFFIX = re.compile(r"(\.tar)?\.[a-z0-9]{1,8}$")
_FORMER_INVALID_CHARACTERS = re.compile(r"[^a-z0-9_-]+")
_MAX_LISTED = 5  # renamed versions in a message


def find_owner(tx: Transaction, person: str) -> User | None:
    """Return the owner in the catalog, or else the existing user that `choose_owner` would choose. Changes nothing."""
    if known := tx.facts.get(LOCAL_OWNER):
        return tx.users.get(known)
    return _existing_owner(tx, person)


def choose_owner(tx: Transaction, person: str, now: datetime) -> tuple[User, str]:
    """Choose one user as the permanent owner. Return them and a notice of what changed ("" for nothing).

    Without a server, only embedded commands can have made versions, and older releases made one user per operating
    system name. The chosen owner takes over all versions of these users. With a server, every user keeps their
    versions, and none of them becomes the owner by accident.
    """
    owner = _existing_owner(tx, person) or _create_owner(tx, now)
    tx.facts.put(LOCAL_OWNER, owner.id)
    if _was_served(tx):
        return owner, _server_only_notice(_others(tx, owner))
    return owner, _transfer_all(tx, owner, person, now)


def hidden_versions_notice(tx: Transaction, owner: User | None) -> str:
    """Return a notice of the versions that a read-only folder without a chosen owner hides ("" for none)."""
    others = [] if tx.facts.get(LOCAL_OWNER) else _others(tx, owner)
    if not others or _was_served(tx):
        return _server_only_notice(others)
    return (
        f"The versions of {_joined_names(others)} are not shown: this folder has no owner yet and is read-only."
        " To choose an owner, run this as a user who can write to the folder: grid datastore"
    )


def former_name(person: str) -> str:
    """Return the user name that older releases made for a person. Keep their algorithm: it must match old catalogs."""
    last = person.rstrip("/").rsplit("/", 1)[-1].lower()
    name = _FORMER_INVALID_CHARACTERS.sub("-", _FORMER_SUFFIX.sub("", last))[:MAX_NAME_LENGTH].strip("-_")
    return name or _NAME


def _existing_owner(tx: Transaction, person: str) -> User | None:
    """Return the oldest user with versions, if no server used the catalog, or else the user with the person's name."""
    with_versions = [] if _was_served(tx) else [user for user in tx.users.by_age() if tx.owners.has_any(user)]
    return next(iter(with_versions), None) or tx.users.named(former_name(person))


def _was_served(tx: Transaction) -> bool:
    return tx.facts.get(SIGNING_KEY) is not None


def _others(tx: Transaction, owner: User | None) -> list[User]:
    """Return the other users who have versions that are not deleted."""
    users = tx.users.by_age()
    return [user for user in users if (owner is None or user.id != owner.id) and tx.owners.has_undeleted(user)]


def _create_owner(tx: Transaction, now: datetime) -> User:
    user = User(secrets.token_hex(8), unique_name(_NAME, "owner", {user.name for user in tx.users.all()}))
    tx.users.add(user, secrets.token_urlsafe(32), now)
    return user


def _server_only_notice(others: Sequence[User]) -> str:
    if not others:
        return ""
    return (
        f"The versions of {_joined_names(others)} in this folder are available only through its server."
        " To get a key for signing in there: grid user key NAME"
    )


def _joined_names(users: Sequence[User]) -> str:
    return ", ".join(user.name for user in users)


def _transfer_all(tx: Transaction, owner: User, person: str, now: datetime) -> str:
    moved: list[str] = []
    for user in (user for user in tx.users.by_age() if user.id != owner.id and tx.owners.has_any(user)):
        transferred = tx.owners.transfer(user, owner)
        for version in transferred:
            where = f"from {user.name}, where it was {version.before}"
            tx.versions.record(version.version_id, EventKind.MOVED, person, where, now)
        if left := [version for version in transferred if not version.deleted]:
            moved.append(_moved_notice(user, left))
    return " ".join(moved)


def _moved_notice(user: User, moved: Sequence[MovedVersion]) -> str:
    renamed = [version for version in moved if version.before != version.after]
    names = [
        f"{version.before.name} {version.before.number} is now {version.after.name} {version.after.number}"
        for version in renamed
    ]
    more = [f"{len(names) - _MAX_LISTED} more are renamed"] if len(names) > _MAX_LISTED else []
    how = ", ".join(names[:_MAX_LISTED] + more)
    are = "is" if len(moved) == 1 else "are"
    return f"{counted(len(moved), 'version')} of {user.name} {are} now yours{f': {how}' if how else ''}."
