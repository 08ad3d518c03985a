"""Format tables as lines of text that are never wider than the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_GAP = 2  # spaces between two columns
_MIN_FOLDED_WIDTH = 12  # terminal cells


class Column(NamedTuple):
    """A column: its header, its width in terminal cells, and whether it is right-aligned, as numbers are."""

    header: str
    width: int
    right: bool = False

    def pad(self, text: str) -> str:
        """Return the text, padded to the column's width."""
        padding = " " * (self.width - cells(text))
        return padding + text if self.right else text + padding


def fitting(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """Return columns that are as wide as their widest cells."""
    return [Column(column[0], max(map(cells, column))) for column in zip(headers, *rows, strict=True)]


def lines(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], max_width: int | None, *, bold: bool
) -> Iterator[str]:
    """Return the lines of a table. `max_width` is in terminal cells; None makes each row one line.

    In a narrow terminal, the widest column is folded. If that is not enough, each row becomes a list of its cells,
    one per line.
    """
    if max_width is None:
        return _table(columns, rows, bold=bold)
    widths = [column.width for column in columns]
    folding = widths.index(max(widths))
    left = max_width - sum(widths) - _GAP * (len(widths) - 1) + widths[folding]
    if left < min(widths[folding], _MIN_FOLDED_WIDTH):
        return _records(columns, rows, max_width, bold=bold)
    narrowed = [*columns[:folding], columns[folding]._replace(width=left), *columns[folding + 1 :]]
    return _table(narrowed, _folded(rows, folding, left), bold=bold)


def terminal_width() -> int:
    """Return the width of the terminal in cells."""
    from shutil import get_terminal_size

    return get_terminal_size().columns


def cells(text: str) -> int:
    """Return the text's width in terminal cells. Chinese characters and emoji take two cells each."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return wcswidth(text)


def cut(text: str, width: int) -> str:
    """Return the beginning of the text, at most `width` cells of it."""
    return _chopped(text, width)[0]


def _table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, bold: bool) -> Iterator[str]:
    headers = _line(_padded(columns, [column.header for column in columns]))
    yield click.style(headers, bold=True) if bold else headers
    template = _line([f"%{column.width}s" if column.right else f"%-{column.width}s" for column in columns])
    template = template if columns[-1].right else template.rpartition("%")[0] + "%s"
    for row in rows:
        line = template % tuple(row)
        yield line.rstrip(" ") if line.isascii() else _line(_padded(columns, row))  # ASCII takes a cell a character


def _padded(columns: Sequence[Column], row: Sequence[str]) -> list[str]:
    """Return the row with its cells padded. The last cell is padded only if it is right-aligned."""
    padded = [column.pad(cell) for column, cell in zip(columns[:-1], row[:-1], strict=True)]
    return [*padded, columns[-1].pad(row[-1]) if columns[-1].right else row[-1]]


def _folded(rows: Iterable[Sequence[str]], folding: int, width: int) -> Iterator[Sequence[str]]:
    """Yield the rows, and after a row whose folded cell is too wide, further rows with the rest of the cell."""
    for row in rows:
        first, *further = _chopped(row[folding], width)
        yield [first if number == folding else cell for number, cell in enumerate(row)]
        for part in further:
            yield [part if number == folding else "" for number in range(len(row))]


def _records(columns: Sequence[Column], rows: Iterable[Sequence[str]], max_width: int, *, bold: bool) -> Iterator[str]:
    """Yield one line for each cell, with its header before it, and an empty line between two rows."""
    longest = max(len(column.header) for column in columns)
    headers = [column.header.ljust(longest) for column in columns]
    shown = [click.style(header, bold=True) if bold else header for header in headers]
    width = max(2, max_width - longest - _GAP)  # the widest character takes two cells
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
    """Return the text in pieces of at most this width. An empty text gives one empty piece."""
    if text.isascii():
        return [text[start : start + width] for start in range(0, len(text), width)] or [""]
    from wcwidth import iter_graphemes

    pieces, used = [""], 0
    for character in iter_graphemes(text):
        needed = cells(character)
        if used + needed > width and pieces[-1]:
            pieces.append("")
            used = 0
        pieces[-1] += character
        used += needed
    return pieces
