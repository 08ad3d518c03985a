"""How things are printed: sentences, tables, JSON. What comes from outside prints as text, never as a control code."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, TextIO

import click

from grid_datastores.cli.tables import fitting, lines
from grid_datastores.domain.text import os_reason, plain
from grid_datastores.system.streams import escaped, stdout_takes_all, stdout_was_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from grid_datastores.cli.tables import Column

_AT_ONCE = 100  # lines that are shown one by one; then as many as the buffer holds

UNPRINTED = 3  # the exit code where all was done, and could not be printed


@contextmanager
def told(done: str, advice: str = "") -> Iterator[None]:
    """Print what is `done` already. Where stdout takes nothing, stderr says so with the advice; the exit code is 3."""
    try:
        yield
        if stdout_was_closed():
            raise OSError(errno.EBADF, "Standard output is closed")
    except OSError as error:
        forget(sys.stdout)
        click.echo(f"{plain(done)} That could not be printed: {os_reason(error)}.{advice}", err=True)
        raise click.exceptions.Exit(UNPRINTED) from error


def say_done(*sentences: str) -> None:
    """Print sentences that say what was done, a line each."""
    with told(" ".join(sentences)):
        for sentence in sentences:
            say(sentence)


def say(text: str) -> None:
    """Print a line."""
    click.echo(plain(text))


def warn(message: str) -> None:
    """Print a warning on stderr."""
    click.echo(f"Warning: {plain(message)}", err=True)


def forget(stream: TextIO) -> None:
    """Whoever read our output is gone; writing the rest at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_json(value: object) -> None:
    """The value as JSON on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=not stdout_takes_all()))


def print_json_list(values: Iterable[object]) -> None:
    """The values as one JSON array on stdout, a line each, while they come."""
    in_ascii = not stdout_takes_all()
    _print_lines(_array(json.dumps(value, ensure_ascii=in_ascii) for value in values))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout, its columns as wide as their widest cells."""
    cells = [[_shown(cell) for cell in row] for row in rows]
    print_rows(fitting(headers, cells), cells)


def print_rows(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """A table on stdout, its rows while they come. The first is awaited, so that a refusal prints nothing."""
    rows = iter(rows)
    rows = chain([*islice(rows, 1)], rows)
    at_terminal = sys.stdout.isatty()
    room = shutil.get_terminal_size().columns if at_terminal else None  # a pipe is as wide as its longest line
    bold = at_terminal and os.environ.get("TERM") != "dumb"
    _print_lines(lines(columns, ([_shown(cell) for cell in row] for row in rows), room, bold=bold))


def _print_lines(lines: Iterable[str]) -> None:
    try:
        for number, line in enumerate(lines):
            sys.stdout.write(f"{line}\n")
            if number < _AT_ONCE:
                sys.stdout.flush()
    finally:
        sys.stdout.flush()


def _array(items: Iterator[str]) -> Iterator[str]:
    """The lines of a JSON array of these items."""
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


def _shown(text: str) -> str:
    """The text as stdout prints it, so that its width is known."""
    return escaped(plain(text))


def when(at: datetime | None) -> str:
    """A time as people read it, or a dash."""
    from grid_datastores.domain.errors import moment

    return moment(at) if at else "-"


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A sign of life on stderr, where a person can see it, while something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(plain(what), spinner="line"):  # in ASCII, for every terminal
        yield


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """A progress bar of `total` bytes on stderr, where a person can see it."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
