"""How things are printed: sentences, tables, JSON. What comes from outside prints as text, never as a control code."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

_PIPE_WIDTH = 10_000  # columns: a pipe is as wide as its longest line


def print_json(value: object) -> None:
    """The value as JSON on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal allows; in a pipe, as wide as it is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold", no_wrap=not _terminal(sys.stdout))
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console = Console(width=None if _terminal(sys.stdout) else _PIPE_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def plain(text: str) -> str:
    """The text with its control characters made visible."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


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
