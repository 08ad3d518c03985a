"""Text for people: terminal output without escapes, and suggestions for misspelt names."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# CSI sequences, OSC sequences (hyperlinks, titles) up to their terminator, and two-character escapes.
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_=>]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain(text: str) -> str:
    r"""The text that remains on a terminal: without escapes, control characters and overwritten parts of lines.

    >>> plain("\x1b[31m10 %\r20 %\x1b[0m\n")
    '20 %\n'
    """
    lines = _ANSI.sub("", text).split("\n")
    return "\n".join(_CONTROL.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]) for line in lines)


def suggestion(name: str, known: Iterable[str]) -> str:
    """A question that suggests the known name nearest to a misspelt one, after a space; "" if none is near.

    >>> suggestion("delete-won", ["delete-one", "list"])
    " Did you mean 'delete-one'?"
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
