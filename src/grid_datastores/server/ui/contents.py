"""What a preview shows of a file: its kind is decided by its bytes, never by its name alone.

Text is shown as text, also if it is HTML or SVG. A picture is shown only if its first bytes are those of its format and
the file is not text, so that no file is at once a picture and a page.
"""

from __future__ import annotations

import csv
import re
from codecs import getincrementaldecoder
from dataclasses import dataclass
from io import StringIO
from itertools import islice

from grid_datastores.domain.text import escape_control

MAX_BYTES = 64 * 1024  # of text
MAX_ROWS = 100
MAX_COLUMNS = 50
MAX_CELL = 200  # characters

_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
)
_SEPARATORS = {"csv": ",;\t", "tsv": "\t"}
# Everything that is not printed, except line breaks and tabs; among it marks that change the direction of text.
_UNPRINTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows of a table, with at most `MAX_COLUMNS` of its columns."""

    rows: list[list[str]]
    columns: int  # that the table has
    cut: bool  # whether rows are left out


@dataclass(frozen=True, slots=True)
class Contents:
    """What can be shown: a table, a text, the media type of a picture, or nothing."""

    text: str | None = None
    table: Table | None = None
    picture: str = ""


def read_contents(name: str, head: bytes, *, whole: bool) -> Contents:
    """Return what can be shown of a file with this name and these first bytes; `whole` if it has no others."""
    text = _decode(head, whole=whole)
    if text is None:
        return Contents(picture=next((kind for start, kind in _PICTURES if start.match(head)), ""))
    separators = _SEPARATORS.get(name.rpartition(".")[2].lower(), "")
    return Contents(_UNPRINTED.sub(_escaped, text), _table(text, separators, whole=whole) if separators else None)


def _decode(head: bytes, *, whole: bool) -> str | None:
    """Return the text, or None if it is not UTF-8 or has a NUL. A character that is cut off at the end is left out."""
    if b"\0" in head:
        return None
    try:
        text = getincrementaldecoder("utf-8-sig")().decode(head, final=whole)
    except UnicodeDecodeError:
        return None
    return text.replace("\r\n", "\n")


def _table(text: str, separators: str, *, whole: bool) -> Table | None:
    """Return the first rows, without one that is cut off at the end. None if the text is not a table."""
    first = text.partition("\n")[0]
    separator = max(separators, key=first.count)
    try:
        rows = list(islice(csv.reader(StringIO(text, newline=""), delimiter=separator), MAX_ROWS + 1))
    except csv.Error:
        return None
    if not whole and 1 < len(rows) <= MAX_ROWS:
        rows.pop()
    cut = not whole or len(rows) > MAX_ROWS
    del rows[MAX_ROWS:]
    shown = [[_cell(value) for value in row[:MAX_COLUMNS]] for row in rows]
    return Table(shown, max(map(len, rows)), cut) if any(shown) else None


def _cell(value: str) -> str:
    value = value if len(value) <= MAX_CELL else f"{value[:MAX_CELL]}…"
    return _UNPRINTED.sub(_escaped, value)


def _escaped(found: re.Match[str]) -> str:
    return escape_control(found[0])
