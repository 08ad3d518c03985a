"""Tables as lines of text: a row is printed as soon as it is known, and no line is wider than the terminal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_GAP = 2  # blanks between two columns
_LEAST_WIDTH = 12  # cells for the column that folds


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, and its width in terminal cells, which numbers fill from the right."""

    header: str
    width: int
    right: bool = False

    def filled(self, text: str) -> str:
        """The text, padded to the width."""
        blanks = " " * (self.width - cells(text))
        return blanks + text if self.right else text + blanks


def fitting(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """Columns as wide as their widest cells."""
    return [Column(column[0], max(map(cells, column))) for column in zip(headers, *rows, strict=True)]


def lines(columns: Sequence[Column], rows: Iterable[Sequence[str]], room: int | None, *, bold: bool) -> Iterator[str]:
    """The lines of a table. Without `room`, the cells that a line may have, each row is one line.

    The widest column folds where the room is narrow. Where that is not enough, each row is a list of its cells.
    """
    if room is None:
        return _table(columns, rows, bold=bold)
    widths = [column.width for column in columns]
    folding = widths.index(max(widths))
    left = room - sum(widths) - _GAP * (len(widths) - 1) + widths[folding]
    if left < min(widths[folding], _LEAST_WIDTH):
        return _records(columns, rows, room, bold=bold)
    narrowed = [*columns[:folding], replace(columns[folding], width=left), *columns[folding + 1 :]]
    return _table(narrowed, _folded(rows, folding, left), bold=bold)


def cells(text: str) -> int:
    """How many cells of a terminal the text takes; Chinese characters and emoji take two each."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, bold: bool) -> Iterator[str]:
    headers = _line(_filled(columns, [column.header for column in columns]))
    yield click.style(headers, bold=True) if bold else headers
    for row in rows:
        yield _line(_filled(columns, row))


def _filled(columns: Sequence[Column], row: Sequence[str]) -> list[str]:
    """The cells of a row, padded up to the last, which ends the line."""
    filled = [column.filled(cell) for column, cell in zip(columns[:-1], row[:-1], strict=True)]
    return [*filled, columns[-1].filled(row[-1]) if columns[-1].right else row[-1]]


def _folded(rows: Iterable[Sequence[str]], folding: int, width: int) -> Iterator[Sequence[str]]:
    """The rows, with further rows for what one cell holds beyond the width."""
    for row in rows:
        first, *further = _chopped(row[folding], width)
        yield [first if number == folding else cell for number, cell in enumerate(row)]
        for part in further:
            yield [part if number == folding else "" for number in range(len(row))]


def _records(columns: Sequence[Column], rows: Iterable[Sequence[str]], room: int, *, bold: bool) -> Iterator[str]:
    """A row as lines, each a header and its cell; an empty line between two rows."""
    longest = max(len(column.header) for column in columns)
    headers = [column.header.ljust(longest) for column in columns]
    shown = [click.style(header, bold=True) if bold else header for header in headers]
    width = max(2, room - longest - _GAP)  # the widest character takes two
    for number, row in enumerate(rows):
        if number:
            yield ""
        for header, cell in zip(shown, row, strict=True):
            first, *further = _chopped(cell, width)
            yield _line([header, first])
            yield from (_line([" " * longest, part]) for part in further)


def _line(parts: Sequence[str]) -> str:
    return (" " * _GAP).join(parts).rstrip(" ")


def _chopped(text: str, width: int) -> list[str]:
    """The text in pieces of at most this width; one empty piece for an empty text."""
    if text.isascii():
        return [text[start : start + width] for start in range(0, len(text), width)] or [""]
    from rich.cells import chop_cells

    return chop_cells(text, width) or [""]
