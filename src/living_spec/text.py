"""Terminal output as plain text."""

from __future__ import annotations

import re

# CSI sequences, OSC sequences (hyperlinks, titles) up to their terminator, and two-character escapes.
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_=>]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain(text: str) -> str:
    r"""What a terminal shows in the end: no escapes, no control characters, overwritten lines gone.

    >>> plain("\x1b[31m10 %\r20 %\x1b[0m\n")
    '20 %\n'
    """
    lines = _ANSI.sub("", text).split("\n")
    return "\n".join(_CONTROL.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]) for line in lines)
