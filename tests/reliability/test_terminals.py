"""Tables in real terminals of any width: nothing is wider than the terminal, and no word is cut but what folds."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acceptance import warm
from grid_datastores.cli.tables import cells
from reliability.machine import Machine, Process, finished, folder_of

NAME = "my-training-data"
LISTS = [("datastore",), ("session",), ("datastore", "files", f"--name={NAME}", "--version=1")]


@pytest.fixture
def filled(embedded: Machine) -> Machine:
    folder = folder_of(embedded.home, {f"{'deep/' * 12}{'x' * 60}.csv": b"1", "b.csv": b"2"})
    embedded.create(folder, NAME)
    words = ("session", "create", "tuning", f"--datastore_name={NAME}", "--datastore_version=1")
    embedded.run(*words).done()
    return embedded


@pytest.fixture(autouse=True, scope="module")
def _no_more_loaded() -> Iterator[None]:
    """A loaded process prints in the encoding that it began with: there is one for each encoding."""
    yield
    warm.end_those_with_a_prefix()


def _in_terminal(machine: Machine, words: tuple[str, ...], width: int, stream: str = "stdout", **env: str) -> str:
    """What the command shows in a terminal of this many columns."""
    encoding = env.get("PYTHONIOENCODING")
    prefix = ("env", f"PYTHONIOENCODING={encoding}") if encoding else ()
    return _shown(machine.start, words, width, stream, prefix=prefix, env=env)


def _in_terminal_anew(machine: Machine, words: tuple[str, ...], width: int, stream: str = "stdout", **env: str) -> str:
    """The same in a process that loads itself, as one does that a person types."""
    return _shown(machine.execute, words, width, stream, env=env)


def _shown(
    begin: Callable[..., Process], words: tuple[str, ...], width: int, stream: str, *, env: dict[str, str], **how: Any
) -> str:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    process = begin(*words, env={"TERM": "xterm-256color", **env}, **{stream: theirs}, **how)
    os.close(theirs)
    said = finished(process)
    assert said.code == 0, said
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    return shown.decode(env.get("PYTHONIOENCODING", "utf-8")).replace("\r\n", "\n")


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
    assert "\x1b[" in _in_terminal_anew(filled, ("datastore",), 80)
    assert not re.search(r"\x1b\[[\d;]*3\d", _in_terminal(filled, ("datastore",), 80, NO_COLOR="1"))
    assert "\x1b" not in filled.run("datastore").done()
    assert Path(filled.home, "source").as_posix() in filled.run("datastore", env={"COLUMNS": "20"}).done()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "iso-8859-1"])
def test_a_table_fits_in_any_encoding(embedded: Machine, encoding: str) -> None:
    embedded.create(folder_of(embedded.home, {f"{'深/' * 12}{'é' * 30}.csv": b"1", "😀.csv": b"2"}, "数据"), NAME)
    for words in (LISTS[0], LISTS[2]):
        for width in (40, 80):
            text = _in_terminal(embedded, words, width, PYTHONIOENCODING=encoding)
            lines = re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()
            assert max(map(cells, lines)) <= width, text


def test_progress_is_shown_in_ascii_to_a_terminal_that_has_no_more(embedded: Machine) -> None:
    folder_of(embedded.home, {"a.bin": bytes(1000)}, "数据")
    words = ("datastore", "create", "数据", "--name=data")
    shown = _in_terminal_anew(embedded, words, 80, "stderr", PYTHONIOENCODING="ascii")
    assert "Creating data" in shown
    assert shown.isascii()
    assert "\\u" not in shown


def test_progress_is_erased_at_its_end(filled: Machine) -> None:
    """A bar for bytes, the same for every command that moves them; nothing for a terminal that cannot redraw a line."""
    folder = folder_of(filled.home, {"a.bin": bytes(1000)}, "more")
    named = (f"--name={NAME}", "--version=1")
    for words, label in (
        (("datastore", "create", str(folder), "--name=more"), "Creating more"),
        (("datastore", "download", *named, "--to", str(filled.home / "copy")), f"Downloading version 1 of {NAME}"),
    ):
        shown = _in_terminal(filled, words, 100, "stderr")
        assert label in shown
        assert re.search(r"\[#+\] +100%", shown), shown
        assert shown.endswith("\x1b[?25h\n\x1b[1A\r\x1b[2K"), repr(shown)
    assert _in_terminal(filled, ("datastore", "create", str(folder), "--name=more"), 100, "stderr", TERM="dumb") == ""
    assert filled.run("datastore", "create", str(folder), "--name=more").err == ""
