"""The entries of a storage's log: which users and versions there were, and who deleted which version.

The log is stored beside the bytes, so that a catalog from a backup can be brought up to date. Each entry has a checksum
that includes the one before it, so a log cannot be continued by another catalog, and a damaged line is noticed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_encode = json.JSONEncoder(separators=(",", ":")).encode

# The kinds of records, each by the key that has the id.
CATALOG = "catalog"  # the first entry: the catalog that the log belongs to
USER = "user"
VERSION = "version"  # also of a version that has moved to another name
FINISHED = "finished"
DELETED = "deleted"
REMOVED = "removed"  # a user


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry: its number, from 1 without gaps, its checksum, and its record as JSON."""

    sequence: int
    checksum: str
    text: str

    @classmethod
    def after(cls, previous: LogEntry | None, record: Mapping[str, object]) -> LogEntry:
        """Return the entry with this record that follows the previous one, or the first entry."""
        sequence = previous.sequence + 1 if previous else 1
        text = _encode(record)
        return cls(sequence, _checksum(previous, sequence, text), text)

    def follows(self, previous: LogEntry | None) -> bool:
        """Return whether this entry was written directly after the previous one and is undamaged."""
        expected = previous.sequence + 1 if previous else 1
        return self.sequence == expected and self.checksum == _checksum(previous, self.sequence, self.text)

    @property
    def record(self) -> dict[str, object]:
        """The record, by its keys."""
        return dict(json.loads(self.text))

    def encode(self) -> bytes:
        """Return the line of the log."""
        return f"{self.sequence} {self.checksum} {self.text}\n".encode()

    @classmethod
    def decode(cls, line: bytes) -> LogEntry | None:
        """Return the entry of a line, or None if the line is damaged. `follows` checks the rest."""
        number, _, rest = line.rstrip(b"\n").partition(b" ")
        checksum, _, text = rest.partition(b" ")
        if not (number.isdigit() and line.endswith(b"\n") and line.isascii()):
            return None
        return cls(int(number), checksum.decode(), text.decode())


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The last entry of a log, or None, and how many lines follow it that are torn or damaged."""

    last: LogEntry | None = None
    lost: int = 0


def continuation(last: LogEntry | None, entries: Sequence[LogEntry]) -> Sequence[LogEntry] | None:
    """Return the entries of a catalog that follow the last entry of a log, or None if they do not continue it.

    `entries` are the catalog's newest ones, sorted: from the one with the last entry's number, if it still has that.
    """
    if last is not None and entries and entries[0] == last:
        return entries[1:]
    if last is None and not entries:
        return entries
    return entries if entries and entries[0].follows(last) else None


def _checksum(previous: LogEntry | None, sequence: int, text: str) -> str:
    before = previous.checksum if previous else ""
    return sha256(f"{before} {sequence} {text}".encode()).hexdigest()[:32]
