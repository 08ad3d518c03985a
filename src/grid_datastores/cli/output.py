"""How things are printed: sentences, tables, JSON. What comes from outside prints as text, never as a control code."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

from grid_datastores.words import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from rich.table import Table

_LEAST_WIDTH = 12  # columns for what folds
_PIPE_WIDTH = 10_000  # columns: a pipe is as wide as its longest line

UNPRINTED = 3  # the exit code where all was done, and could not be printed


@contextmanager
def told(done: str) -> Iterator[None]:
    """What is printed here is `done` already: where stdout takes nothing, stderr says so, and the exit code is 3."""
    try:
        yield
    except OSError as error:
        forget(sys.stdout)
        click.echo(f"{done} That could not be printed: {why(error)}.", err=True)
        raise click.exceptions.Exit(UNPRINTED) from error


def say_done(text: str) -> None:
    """Print a sentence that says what was done."""
    with told(text):
        click.echo(text)


def why(error: OSError) -> str:
    """What the machine says, as a part of a sentence."""
    return (error.strerror or str(error)).lower()


def forget(stream: TextIO | None) -> None:
    """Whoever read our output is gone; writing the rest at exit would fail again."""
    if stream is None:  # closed before the start
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_json(value: object) -> None:
    """The value as JSON on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table, whose widest column folds where the terminal is narrow; where that is not enough, a list of its rows."""
    from rich.cells import cell_len
    from rich.console import Console

    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headers, *cells, strict=True)]
    console = Console(width=None if _terminal(sys.stdout) else _PIPE_WIDTH, highlight=False)
    folding = widths.index(max(widths))
    left = console.width - sum(widths) - 2 * (len(widths) - 1) + widths[folding]
    fits = left >= min(widths[folding], _LEAST_WIDTH)
    with console.capture() as captured:
        for table in [_table(headers, cells, folding)] if fits else _records(headers, cells):
            console.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _table(headers: Sequence[str], cells: Sequence[Sequence[str]], folding: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, header in enumerate(headers):
        table.add_column(header, overflow="fold", no_wrap=number != folding)
    for row in cells:
        table.add_row(*map(Text, row))
    return table


def _records(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[Table | str]:
    """A row as lines, each a header and its cell; an empty line between two rows."""
    from rich.table import Table
    from rich.text import Text

    for number, row in enumerate(cells):
        if number:
            yield ""
        record = Table.grid("", "", padding=(0, 2, 0, 0))
        for header, cell in zip(headers, row, strict=True):
            record.add_row(Text(header, "bold"), Text(cell, overflow="fold"))
        yield record


def when(at: datetime | None) -> str:
    """A time as people read it, or a dash."""
    from grid_datastores.errors import moment

    return moment(at) if at else "-"


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A sign of life on stderr, where a person can see it, while something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(plain(what)):
        yield


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """A progress bar of `total` bytes on stderr, where a person can see it."""
    if not _terminal(sys.stderr):
        yield lambda _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _terminal(stream: TextIO | None) -> bool:
    """Whether a person reads the stream; one that was closed before the start is None."""
    return stream is not None and stream.isatty()
