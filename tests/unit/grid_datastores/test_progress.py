"""Progress on standard error: what a terminal shows, and that nothing of it remains."""

from __future__ import annotations

import io
import re
import sys

import pytest

from grid_datastores.cli.progress import progress, waiting
from grid_datastores.cli.tables import cells, cut

ERASED = "\r\x1b[2K"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> _Terminal:
    """A terminal that is standard error from now on; pytest puts its own there when a test begins."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    return terminal


def _frames(terminal: _Terminal) -> list[str]:
    """The lines that were drawn over each other, without control codes."""
    text = re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", terminal.getvalue())
    return [frame.rstrip("\n") for frame in text.split("\r") if frame.strip()]


def test_a_bar_has_the_share_and_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    with progress("Creating data", 4000) as advance:
        advance(1000)
        advance(3000)
    first, *_, last = _frames(terminal)
    assert first.startswith("Creating data  [")
    assert "0%" in first
    assert "0 bytes of 4.0 kB" in first
    assert any("25%" in frame and "1.0 kB of 4.0 kB" in frame and "#" in frame for frame in _frames(terminal))
    assert "100%" in last
    assert "4.0 kB of 4.0 kB" in last
    assert terminal.getvalue().endswith(f"\x1b[?25h\n\x1b[1A{ERASED}")


@pytest.mark.parametrize("columns", [40, 62, 80, 200])
def test_a_bar_is_one_line(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    terminal = _terminal(monkeypatch, columns)
    with progress(f"Creating {'x' * 63}", 10**12) as advance:
        for _ in range(10):
            advance(10**11 - 1)
    assert max(map(len, _frames(terminal))) <= columns
    assert len(_frames(terminal)) >= 10


def test_a_bar_is_erased_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    with pytest.raises(KeyboardInterrupt), progress("Creating data", 10):
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith(ERASED)


def test_a_bar_of_many_small_steps_is_drawn_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    with progress("Creating data", 100_000) as advance:
        for _ in range(100_000):
            advance(1)
    assert len(_frames(terminal)) <= 202


@pytest.mark.parametrize("place", ["https://example.com/birds.zip", "s3://" + "深" * 100])
def test_a_wait_is_one_line(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    terminal = _terminal(monkeypatch)
    with waiting(f"Fetching {place}"):
        pass
    [frame] = _frames(terminal)
    assert frame.startswith(f"Fetching {place[:10]}")
    assert frame.endswith(" (0 s)")
    assert cells(frame) < 80
    assert terminal.getvalue().endswith(ERASED)


def test_control_characters_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _terminal(monkeypatch)
    with waiting("Fetching a\x1b[2Jb"):
        pass
    assert "Fetching a\\x1b[2Jb (0 s)" in terminal.getvalue()


@pytest.mark.parametrize(("tty", "term"), [(False, "xterm"), (True, "dumb")])
def test_nothing_is_shown_elsewhere(monkeypatch: pytest.MonkeyPatch, term: str, *, tty: bool) -> None:
    stream = _Terminal() if tty else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    with progress("Creating data", 10) as advance, waiting("Fetching data"):
        advance(10)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "width", "kept"), [("abc", 2, "ab"), ("深深", 3, "深"), ("e\u0301e\u0301", 1, "e\u0301"), ("深", 1, "深")]
)
def test_a_text_is_cut_between_characters(text: str, width: int, kept: str) -> None:
    assert cut(text, width) == kept
