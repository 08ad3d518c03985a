"""What a command and a server log, in their formats."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from grid_datastores.cli.logs import log_lines, log_sentences
from grid_datastores.cli.output import warn

_log = logging.getLogger("grid_datastores.service.removal")
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("grid_datastores")
    handlers, level = root.handlers[:], ours.level
    yield
    root.handlers[:] = handlers
    ours.setLevel(level)


def test_a_command_logs_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    log_sentences()
    _log.info("2 versions are now yours")
    _log.warning("the bytes of %s could not be erased yet", "a\x1b[2J\nb")
    warn("GRID_URL is set")
    logging.getLogger("httpx").info("not shown")
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "Note: 2 versions are now yours",
        "Warning: the bytes of a\\x1b[2J\\nb could not be erased yet",
        "Warning: GRID_URL is set",
    ]
    assert said.out == ""


def test_a_server_logs_lines_with_times(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines()
    _log.warning("the bytes of %s could not be erased yet", "a\nb")
    logging.getLogger("uvicorn.error").error("Invalid request")
    logging.getLogger("httpx").info("not shown")
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        rf"{_TIME} WARNING grid_datastores\.service\.removal: the bytes of a\\nb could not be erased yet", first
    )
    assert re.fullmatch(rf"{_TIME} ERROR uvicorn\.error: Invalid request", second)


def test_a_failure_has_its_traceback_below_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines()
    try:
        raise ValueError("odd")
    except ValueError:
        _log.exception("tidying failed")
    first, *below = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR grid_datastores.service.removal: tidying failed")
    assert below[0].startswith("Traceback")
    assert below[-1] == "ValueError: odd"


def test_the_last_configuration_counts_alone(capsys: pytest.CaptureFixture[str]) -> None:
    log_lines()
    log_sentences()
    _log.warning("once")
    assert capsys.readouterr().err == "Warning: once\n"
