"""The standard streams: open, writable in any locale, and never the reason why a command fails.

This is decided once, before anything else is loaded:

- A descriptor from 0 to 2 that was closed is opened on the null device. Otherwise the next file, perhaps the catalog,
  would get its number, and messages would be written into it.
- What the encoding of a stream cannot hold is printed as an escape, such as `\\u4e2d`.
- A message that standard error does not take is lost; the command goes on.
- Names of files are UTF-8 in every locale.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from _typeshed import ReadableBuffer

_ENCODING = "grid-encoding"  # our own option of the interpreter: how the locale encodes what is printed
_STDIN, _STDOUT, _STDERR = range(3)
# A command that `grid run` starts inherits these: it reads nothing, and it can print nothing, as it would without us.
_STAND_INS = {_STDIN: os.O_RDONLY, _STDOUT: os.O_RDONLY, _STDERR: os.O_WRONLY}

_closed: set[int] = set()
_stdout_encoding = "utf-8"


def set_up_streams() -> None:
    """Make `sys.stdin`, `sys.stdout` and `sys.stderr` usable."""
    if sys.getfilesystemencoding() != "utf-8":
        _start_again_in_utf8()
    _open_closed_descriptors()
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(_STDIN, closefd=False)), "utf-8")
    global _stdout_encoding
    _stdout_encoding = _encoding(sys.stdout)
    out = _Lossy if stdout_was_closed() else io.FileIO
    sys.stdout = _text(out(_STDOUT, "w", closefd=False), _stdout_encoding)
    sys.stderr = _text(_Lossy(_STDERR, "w", closefd=False), _encoding(sys.stderr), line_buffering=True)


def stdout_was_closed() -> bool:
    """Whether standard output was closed when the process started: then what is printed is lost."""
    return _STDOUT in _closed


def stdout_takes_all() -> bool:
    """Whether the encoding of standard output has every character."""
    return codecs.lookup(_stdout_encoding).name.startswith("utf")


def escaped(text: str) -> str:
    """The text as standard output prints it: with escapes for what its encoding does not have."""
    return text if text.isascii() else text.encode(_stdout_encoding, "backslashreplace").decode(_stdout_encoding)


class _Lossy(io.FileIO):
    """A file that loses what it cannot take."""

    def write(self, data: ReadableBuffer) -> int:
        """The number of bytes given, whether they are written or lost."""
        try:
            return super().write(data) or 0
        except OSError:
            return memoryview(data).nbytes


class _Ascii(io.TextIOWrapper):
    """A stream in ASCII. By its usual name, click would take the encoding for a mistake and print UTF-8 instead."""

    encoding = "ascii-with-escapes"


def _start_again_in_utf8() -> None:
    """Replace this process by one in Python's UTF-8 mode, which only the interpreter's start can set."""
    options = ["-X", "utf8", "-X", f"{_ENCODING}={_encoding(sys.stdout or sys.stderr)}"]
    os.execv(sys.executable, [sys.executable, *options, *sys.orig_argv[1:]])  # noqa: S606 - itself


def _open_closed_descriptors() -> None:
    for number, access in _STAND_INS.items():
        try:
            os.fstat(number)
        except OSError:
            _closed.add(number)
            opened = os.open(os.devnull, access)  # the lowest number that is free, which is this one
            os.set_inheritable(opened, True)


def _encoding(stream: TextIO | None) -> str:
    given = sys._xoptions.get(_ENCODING)
    return str(given) if given else stream.encoding if stream else "utf-8"


def _text(file: io.FileIO, encoding: str, *, line_buffering: bool = False) -> io.TextIOWrapper:
    kind = _Ascii if codecs.lookup(encoding).name == "ascii" else io.TextIOWrapper
    return kind(io.BufferedWriter(file), encoding, "backslashreplace", line_buffering=line_buffering or file.isatty())
