"""Print sentences, tables and JSON. Control characters in names and locations are printed as escapes."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, TextIO

import click

from grid_datastores.cli.tables import fitting, lines, terminal_width
from grid_datastores.domain.text import escape_control, os_reason
from grid_datastores.system.streams import escaped, stdout_encodes_all, stdout_was_closed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from grid_datastores.cli.tables import Column

_MEASURED_ROWS = 1000  # of a table, before its first line is printed: a page of a list
_FLUSHED_LINES = 100  # lines that are flushed one by one; later lines are buffered

EXIT_UNPRINTED = 3  # exit code: everything was done, but the result could not be printed


@contextmanager
def fallback_to_stderr(result: str, advice: str = "") -> Iterator[None]:
    """Print the result of a finished change in this context.

    If stdout fails, print `result` and the advice on stderr and raise `Exit` with `EXIT_UNPRINTED`.
    """
    try:
        yield
        if stdout_was_closed():
            raise OSError(errno.EBADF, "Standard output is closed")
    except OSError as error:
        redirect_to_devnull(sys.stdout)
        text = f"{escape_control(result)} The result could not be printed: {os_reason(error)}.{advice}"
        click.echo(text, err=True)
        raise click.exceptions.Exit(EXIT_UNPRINTED) from error


def echo_result(*sentences: str) -> None:
    """Print the sentences that describe a finished change, one per line. See `fallback_to_stderr`."""
    with fallback_to_stderr(" ".join(sentences)):
        for sentence in sentences:
            echo(sentence)


def echo(text: str) -> None:
    """Print a line."""
    click.echo(escape_control(text))


def warn(message: str) -> None:
    """Print a warning on stderr."""
    click.echo(f"Warning: {escape_control(message)}", err=True)


def redirect_to_devnull(stream: TextIO) -> None:
    """Discard what is still buffered for the stream. Otherwise Python would report the same failure again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_json(value: object) -> None:
    """Print the value as JSON."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=not stdout_encodes_all()))


def print_json_list(values: Iterable[object]) -> None:
    """Print the values as one JSON array, one per line, as they arrive."""
    import json

    in_ascii = not stdout_encodes_all()
    _print_lines(_json_array(json.dumps(value, ensure_ascii=in_ascii) for value in values))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> bool:
    """Print a table, its rows as they arrive, and return whether any did. The first ones decide how wide it is."""
    rows = iter(rows)
    first = [[_printable(cell) for cell in row] for row in islice(rows, _MEASURED_ROWS)]
    if first:
        print_rows(fitting(headers, first), chain(first, rows))
    return bool(first)


def print_rows(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table, its rows as they arrive. Fetch the first row before the headers, so that a refusal prints none."""
    rows = iter(rows)
    rows = chain([*islice(rows, 1)], rows)
    at_terminal = sys.stdout.isatty()
    width = terminal_width() if at_terminal else None  # lines in a pipe are never folded
    bold = at_terminal and os.environ.get("TERM") != "dumb"
    _print_lines(lines(columns, map(_printable_row, rows), width, bold=bold))


def _print_lines(lines: Iterable[str]) -> None:
    try:
        for number, line in enumerate(lines):
            sys.stdout.write(f"{line}\n")
            if number < _FLUSHED_LINES:
                sys.stdout.flush()
    finally:
        sys.stdout.flush()


def _json_array(items: Iterator[str]) -> Iterator[str]:
    """Yield the lines of a JSON array of these items, which are JSON already."""
    item = next(items, None)
    if item is None:
        yield "[]"
        return
    yield "["
    for following in items:
        yield f"  {item},"
        item = following
    yield f"  {item}"
    yield "]"


def _printable_row(row: Sequence[str]) -> Sequence[str]:
    """Return the cells exactly as stdout prints them. Most rows are as they are, which is seen at once."""
    text = "".join(row)
    return row if text.isascii() and text.isprintable() else [_printable(cell) for cell in row]


def _printable(text: str) -> str:
    """Return the text exactly as stdout prints it, so that its width can be measured."""
    return escaped(escape_control(text))


def format_time(at: datetime | None) -> str:
    """Return the time in UTC, to the second, or a dash for None."""
    from grid_datastores.domain.text import format_utc

    return format_utc(at) if at else "-"
