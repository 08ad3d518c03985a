"""Lists of versions, page by page. Each order has an index, so a query reads its page and those before it.

A filter, and the count of the versions that a deletion kept, can read all versions of the datastore or user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, or_, select, true, tuple_

from grid_datastores.catalog import schema
from grid_datastores.catalog.rows import named_version, to_version
from grid_datastores.domain.lists import Datastore, Kept, KeptVersion, SortColumn, SortOrder, VersionList
from grid_datastores.domain.model import Phase, VersionRef
from grid_datastores.domain.naming import MAX_NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row, TextClause

    from grid_datastores.domain.lists import Chosen, Selection, Window
    from grid_datastores.domain.model import Version

_TABLE = schema.versions.c
_COLUMNS = {
    SortColumn.SIZE: _TABLE.size_bytes,
    SortColumn.FILES: _TABLE.file_count,
    SortColumn.USED: _TABLE.last_used_at,
}
_PHASES = {VersionList.FAILED: Phase.FAILED, VersionList.DELETED: Phase.DELETED}


class Lists:
    """The lists of versions in one transaction. They contain only the owner's versions (rule private-to-owner)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def datastores(self, owner_id: str, text: str, window: Window) -> list[Datastore]:
        """Return the datastores with current versions whose name contains the text, sorted by name."""
        table = schema.datastores.c
        named = table.name.icontains(text, autoescape=True) if text else true()
        query = select(schema.datastores).where(table.owner_id == owner_id, schema.WITH_VERSIONS, named)
        rows = self._connection.execute(query.order_by(table.name).offset(window.start).limit(window.size))
        return [_datastore(row) for row in rows]

    def datastore(self, owner_id: str, name: str) -> Datastore | None:
        """Return the datastore, even if all its versions are deleted. Return None if it never existed."""
        table = schema.datastores.c
        query = select(schema.datastores).where(table.owner_id == owner_id, table.name == name)
        row = self._connection.execute(query).one_or_none()
        return _datastore(row) if row else None

    def newest(self, owner_id: str, names: Sequence[str], count: int) -> list[Version]:
        """Return the newest current versions of these datastores, `count` of each, newest first."""
        named, other = schema.datastores.c, schema.versions.alias("other")
        same = (other.c.owner_id == owner_id, other.c.name == named.name, current())
        last = select(other.c.number).where(*same).order_by(other.c.number.desc()).offset(count - 1).limit(1)
        number = func.coalesce(last.correlate(schema.datastores).scalar_subquery(), 0)
        query = (
            select(schema.versions)
            .join(schema.datastores, named.name == _TABLE.name)
            .where(named.owner_id == owner_id, named.name.in_(names))
            .where(_TABLE.owner_id == owner_id, current(), _TABLE.number >= number)
            .order_by(_TABLE.number.desc())
        )
        return [to_version(row) for row in self._connection.execute(query)]

    def versions(self, owner_id: str, selection: Selection, window: Window) -> list[Version]:
        """Return the selected versions. Failed and deleted ones are sorted by time, newest first."""
        query = select(schema.versions).where(*_selected(owner_id, selection)).order_by(*_sorted(selection))
        rows = self._connection.execute(query.offset(window.start).limit(window.size))
        return [to_version(row) for row in rows]

    def chosen(self, owner_id: str, chosen: Chosen, after: Version | None, count: int) -> list[Version]:
        """Return the chosen versions that follow this one, at most `count`, sorted by name and number."""
        if chosen.name and chosen.number and not after:
            one = named_version(self._connection, owner_id, VersionRef(chosen.name, chosen.number))
            return [one] if one and chosen.has(one.phase) else []
        name, number = _TABLE.name, _TABLE.number
        conditions: list[ColumnElement[bool] | TextClause] = [_TABLE.owner_id == owner_id]
        conditions += [name == chosen.name] if chosen.name else []
        conditions += [number == chosen.number] if chosen.number else []
        if chosen.available:
            conditions += [_TABLE.phase == Phase.AVAILABLE.value, current()]
        else:
            conditions += [schema.WITH_DELETED if chosen.deleted else schema.UNDELETED]
        if after:
            of_name = number > after.ref.number  # SQLite sorts again if it compares more than the number
            any_name = tuple_(name, number) > tuple_(after.ref.name, after.ref.number)
            conditions += [of_name if chosen.name else any_name]
        rows = self._connection.execute(select(schema.versions).where(*conditions).order_by(name, number).limit(count))
        return [to_version(row) for row in rows]

    def available(self, owner_id: str, count: int) -> list[Version]:
        """Return the owner's available versions, at most `count` of them, newest first."""
        mine = (_TABLE.owner_id == owner_id, _TABLE.phase == Phase.AVAILABLE.value)
        newest = (_TABLE.deleted_at.desc(), _TABLE.created_at.desc())  # the columns of an index
        rows = self._connection.execute(select(schema.versions).where(*mine).order_by(*newest).limit(count))
        return [to_version(row) for row in rows]

    def failed(self, owner_id: str) -> int:
        """Return how many failed uploads the owner has, in all datastores."""
        table = schema.users.c
        return int(self._connection.execute(select(table.failed_count).where(table.id == owner_id)).scalar_one())

    def others(self, version: Version, count: int) -> Kept:
        """Return the other current versions of the datastore, at most `count` of them, newest first."""
        named, mine = "WHERE owner_id = ? AND name = ?", (version.owner_id, version.ref.name)
        others = f"SELECT number, fingerprint FROM versions {named} AND {current().text} AND id != ?"  # noqa: S608
        rows = self._connection.exec_driver_sql(f"{others} ORDER BY number DESC LIMIT ?", (*mine, version.id, count))
        total = self._connection.exec_driver_sql(f"SELECT version_count FROM datastores {named}", mine).scalar() or 0  # noqa: S608
        newest = tuple(KeptVersion(row.number, row.fingerprint, None) for row in rows)
        return Kept(newest, total - version.phase.counts_against_quota)

    def kept(self, version: Version, count: int) -> Kept:
        """Return the versions that stayed when this version was deleted, at most `count` of them, newest first."""
        at = version.deleted_at
        stayed = (
            _TABLE.owner_id == version.owner_id,
            _TABLE.name == version.ref.name,
            _TABLE.id != version.id,
            _TABLE.phase != Phase.FAILED.value,
            _TABLE.created_at <= at,
            or_(_TABLE.deleted_at.is_(None), _TABLE.deleted_at > at),
        )
        query = select(_TABLE.number, _TABLE.fingerprint, _TABLE.deleted_at).where(*stayed)
        rows = self._connection.execute(query.order_by(_TABLE.number.desc()).limit(count))
        newest = tuple(KeptVersion(*row) for row in rows)
        total = len(newest)
        if total == count:
            total = self._connection.execute(select(func.count()).where(*stayed)).scalar_one()
        return Kept(newest, total)


def current() -> TextClause:
    """Return the condition of the versions that count against the quota."""
    return schema.CURRENT


def _selected(owner_id: str, selection: Selection) -> list[ColumnElement[bool] | TextClause]:
    phase = _PHASES.get(selection.part)
    conditions: list[ColumnElement[bool] | TextClause] = [_TABLE.owner_id == owner_id]
    if selection.name:
        conditions.append(_TABLE.name == selection.name)
    conditions.append(_TABLE.phase == phase.value if phase else current())
    if selection.text:
        conditions.append(or_(*_matches(selection)))
    return conditions


def _matches(selection: Selection) -> list[ColumnElement[bool]]:
    text = selection.text
    matches = [_TABLE.source_location.icontains(text, autoescape=True)]
    if text.isascii() and text.isdigit() and int(text) <= MAX_NUMBER:
        matches.append(_TABLE.number == int(text))
    if not selection.name:
        matches.append(_TABLE.name.icontains(text, autoescape=True))
    return matches


def _sorted(selection: Selection) -> list[ColumnElement[object]]:
    if selection.part is not VersionList.CURRENT:
        return [_TABLE.deleted_at.desc(), _TABLE.number.desc() if selection.name else _TABLE.created_at.desc()]
    columns = [_TABLE.number] if selection.column is SortColumn.NUMBER else [_COLUMNS[selection.column], _TABLE.number]
    if selection.order is SortOrder.ASCENDING:
        return [column.asc() for column in columns]
    return [column.desc() for column in columns]


def _datastore(row: Row[tuple[object, ...]]) -> Datastore:
    return Datastore(row.name, row.version_count, row.failed_count, row.size_bytes)
