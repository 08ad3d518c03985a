"""Set up the standard streams, so that they never make a command fail.

This happens once, before any other module is loaded:

- A closed descriptor from 0 to 2 is opened on the null device. Otherwise, the next file that is opened, such as the
  catalog, would get its number, and messages would be written into that file.
- Characters that a stream's encoding lacks are printed as escapes, such as `\\u4e2d`.
- Errors of standard error are ignored: the message is lost, and the command continues.
- File names are UTF-8 in every locale.
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

_ENCODING = "grid-encoding"  # our interpreter option that passes the locale's encoding to the restarted process
_STDIN, _STDOUT, _STDERR = range(3)
# Modes for the null device. A command of `grid run` inherits it: reads are empty, and writes to stdout fail, as before.
_NULL_DEVICE_MODES = {_STDIN: os.O_RDONLY, _STDOUT: os.O_RDONLY, _STDERR: os.O_WRONLY}

_closed: set[int] = set()
_stdout_encoding = "utf-8"


def set_up_streams() -> None:
    """Make `sys.stdin`, `sys.stdout` and `sys.stderr` usable."""
    if sys.getfilesystemencoding() != "utf-8":
        _restart_in_utf8_mode()
    _open_closed_descriptors()
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(_STDIN, closefd=False)), "utf-8")
    global _stdout_encoding
    _stdout_encoding = _encoding(sys.stdout)
    out = _Lossy if stdout_was_closed() else io.FileIO
    sys.stdout = _text_stream(out(_STDOUT, "w", closefd=False), _stdout_encoding)
    sys.stderr = _text_stream(_Lossy(_STDERR, "w", closefd=False), _encoding(sys.stderr), line_buffering=True)


def stdout_was_closed() -> bool:
    """Return whether standard output was closed when the process started, so that all output is lost."""
    return _STDOUT in _closed


def stdout_encodes_all() -> bool:
    """Return whether the encoding of standard output has every character."""
    return codecs.lookup(_stdout_encoding).name.startswith("utf")


def escaped(text: str) -> str:
    """Return the text with escapes for the characters that the encoding of standard output lacks."""
    return text if text.isascii() else text.encode(_stdout_encoding, "backslashreplace").decode(_stdout_encoding)


class _Lossy(io.FileIO):
    """A file whose write errors are ignored."""

    def write(self, data: ReadableBuffer) -> int:
        """Write the data and return its length in bytes, even if the write failed."""
        try:
            return super().write(data) or 0
        except OSError:
            return memoryview(data).nbytes


class _Ascii(io.TextIOWrapper):
    """A stream in ASCII under another name, because click replaces streams whose encoding is named "ascii"."""

    encoding = "ascii-with-escapes"


def _restart_in_utf8_mode() -> None:
    """Replace this process by one in Python's UTF-8 mode, which cannot be enabled in a running interpreter."""
    options = ["-X", "utf8", "-X", f"{_ENCODING}={_encoding(sys.stdout or sys.stderr)}"]
    os.execv(sys.executable, [sys.executable, *options, *sys.orig_argv[1:]])  # noqa: S606 - itself


def _open_closed_descriptors() -> None:
    for number, access in _NULL_DEVICE_MODES.items():
        try:
            os.fstat(number)
        except OSError:
            _closed.add(number)
            opened = os.open(os.devnull, access)  # takes the lowest free number, which is this one
            os.set_inheritable(opened, True)


def _encoding(stream: TextIO | None) -> str:
    option = sys._xoptions.get(_ENCODING)
    return str(option) if option else stream.encoding if stream else "utf-8"


def _text_stream(file: io.FileIO, encoding: str, *, line_buffering: bool = False) -> io.TextIOWrapper:
    kind = _Ascii if codecs.lookup(encoding).name == "ascii" else io.TextIOWrapper
    return kind(io.BufferedWriter(file), encoding, "backslashreplace", line_buffering=line_buffering or file.isatty())
