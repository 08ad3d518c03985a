"""Tables in real terminals of any width: nothing is wider than the terminal, and no word is cut but what folds."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import termios
from pathlib import Path

import pytest

from reliability.machine import Machine, finished, folder_of

NAME = "my-training-data"
LISTS = [("datastore",), ("session",), ("datastore", "files", f"--name={NAME}", "--version=1")]


@pytest.fixture
def filled(embedded: Machine) -> Machine:
    folder = folder_of(embedded.home, {f"{'deep/' * 12}{'x' * 60}.csv": b"1", "b.csv": b"2"})
    embedded.create(folder, NAME)
    words = ("session", "create", "tuning", f"--datastore_name={NAME}", "--datastore_version=1")
    embedded.run(*words).done()
    return embedded


def _in_terminal(machine: Machine, words: tuple[str, ...], width: int, **env: str) -> str:
    """What the command shows in a terminal of this many columns."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    process = machine.start(*words, env={"TERM": "xterm-256color", **env}, stdout=theirs)
    os.close(theirs)
    said = finished(process)
    assert said.code == 0, said
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how a terminal says that nobody writes to it any more
        return b""


@pytest.mark.parametrize("width", [32, 40, 60, 80, 120, 250])
def test_a_table_fits_and_cuts_no_word_but_what_folds(filled: Machine, width: int) -> None:
    for words in LISTS:
        text = re.sub(r"\x1b\[[\d;]*m", "", _in_terminal(filled, words, width))
        assert max(map(len, text.splitlines())) <= width, text
        kept = {"datastore": [NAME, "available", "2 bytes"], "session": ["tuning", "running"], "files": ["b.csv"]}
        for word in kept[words[-1] if len(words) == 1 else "files"]:
            assert word in text, text


def test_colour_is_for_terminals_that_want_it(filled: Machine) -> None:
    assert "\x1b[" in _in_terminal(filled, ("datastore",), 80)
    assert not re.search(r"\x1b\[[\d;]*3\d", _in_terminal(filled, ("datastore",), 80, NO_COLOR="1"))
    assert "\x1b" not in filled.run("datastore").done()
    assert Path(filled.home, "source").as_posix() in filled.run("datastore", env={"COLUMNS": "20"}).done()
