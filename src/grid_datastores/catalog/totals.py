"""The totals of datastores and users, which triggers update with every change of a version.

A page that shows a total would otherwise count all versions. Current versions count against the quota (rule
quota-limit); failed uploads are counted separately; deleted versions are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CURRENT = "{row}.phase NOT IN ('failed', 'deleted')"
_FAILED = "{row}.phase = 'failed'"
_BYTES = f"({_CURRENT}) * {{row}}.size_bytes"


def create_triggers(connection: Connection) -> None:
    """Create the triggers, if they do not exist yet."""
    for event, changes in (
        ("INSERT", (_change("NEW", "+"),)),
        ("UPDATE OF phase, size_bytes, owner_id", (_change("OLD", "-"), _change("NEW", "+"))),
        ("DELETE", (_change("OLD", "-"),)),
    ):
        name = f"totals_after_{event.split()[0].lower()}"
        connection.exec_driver_sql(
            f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON versions BEGIN {' '.join(changes)} END"
        )


def _change(row: str, sign: str) -> str:
    """Return the statements that add this row of `versions` to the totals, or subtract it."""
    current, failed, size = (expression.format(row=row) for expression in (_CURRENT, _FAILED, _BYTES))
    counts = f"version_count = version_count {sign} ({current}), failed_count = failed_count {sign} ({failed})"
    return (
        f"UPDATE datastores SET {counts}, size_bytes = size_bytes {sign} {size}"  # noqa: S608
        f" WHERE id = {row}.datastore_id; UPDATE users SET {counts} WHERE id = {row}.owner_id;"
    )
