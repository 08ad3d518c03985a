"""Show progress on stderr if it is a terminal: a bar for bytes, a line for a wait. Both are erased at the end."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from grid_datastores.cli.tables import cells, cut, terminal_width
from grid_datastores.domain.text import escape_control, format_size
from grid_datastores.system.streams import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_RESERVED_WIDTH = 26  # cells for the percentage and the time left; the bar fills the rest
_SIZES_WIDTH = 24  # cells for the sizes, which are shown only on a wide terminal
_MIN_LABEL_WIDTH = 10
_MAX_REDRAWS = 200
_WAIT_INTERVAL = 1.0  # seconds between two updates of the line
_ERASE_LINE = "\r\x1b[2K"
_LINE_ABOVE = "\x1b[1A"


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], object]]:
    """Show a bar on stderr, if it is a terminal. Yield a function that advances it.

    `total` and the function's argument are in bytes.
    """
    if not _can_redraw():
        yield lambda _count: None
        return
    import click

    done, label = 0, _fitting(what, _RESERVED_WIDTH)
    wide = cells(label) + _RESERVED_WIDTH + _SIZES_WIDTH <= terminal_width()
    try:
        with click.progressbar(  # type: ignore[var-annotated]
            length=total,
            label=label,
            file=sys.stderr,
            fill_char="#",
            empty_char=".",
            width=0,  # as wide as the terminal allows
            show_percent=True,
            item_show_func=(lambda _item: f"{format_size(done)} of {format_size(total)}") if wide else None,
            update_min_steps=max(1, total // _MAX_REDRAWS),
        ) as bar:

            def advance(count: int) -> None:
                nonlocal done
                done += count
                bar.update(count)

            yield advance
    finally:
        sys.stderr.write(_LINE_ABOVE + _ERASE_LINE)  # click has ended the line of the bar
        sys.stderr.flush()


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on stderr, if it is a terminal, the text and the seconds since the start of this context."""
    if not _can_redraw():
        yield
        return
    began, ended = monotonic(), Event()

    def show() -> None:
        seconds = f" ({monotonic() - began:.0f} s)"
        sys.stderr.write(_ERASE_LINE + _fitting(what, len(seconds) + 1) + seconds)
        sys.stderr.flush()

    def show_again() -> None:
        while not ended.wait(_WAIT_INTERVAL):
            show()

    show()
    thread = Thread(target=show_again, name="waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        sys.stderr.write(_ERASE_LINE)
        sys.stderr.flush()


def _can_redraw() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _fitting(text: str, reserved: int) -> str:
    """Return the text, cut so that the line does not wrap: only an unwrapped line can be erased."""
    return cut(escaped(escape_control(text)), max(_MIN_LABEL_WIDTH, terminal_width() - reserved))
