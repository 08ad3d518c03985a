"""The log, on standard error: sentences from a command, lines with a time and a level from `grid serve`.

Configured here alone, when a command begins to work. Libraries log warnings and errors only.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from grid_datastores.domain.text import escape_control

_OURS = "grid_datastores"
_LABELS = {logging.INFO: "Note", logging.WARNING: "Warning", logging.ERROR: "Error"}


def log_sentences() -> None:
    """From now on a record is one sentence, for example "Warning: the bytes of … could not be erased yet"."""
    _configure(_Sentences())


def log_lines() -> None:
    """From now on a record is one line: the time in UTC (ISO 8601), the level, the logger, the message."""
    _configure(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))


class _Printable(logging.Formatter):
    """What comes from outside, such as the path of a request, prints as text and cannot begin a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escape_control(record.message)
        return super().formatMessage(record)


class _Sentences(_Printable):
    def formatMessage(self, record: logging.LogRecord) -> str:
        return f"{_LABELS.get(record.levelno, record.levelname)}: {super().formatMessage(record)}"


class _Lines(_Printable):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002 - logging's
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class _ToStderr(logging.StreamHandler[TextIO]):
    """Writes to the `sys.stderr` of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _configure(formatter: logging.Formatter) -> None:
    """Replaces an earlier configuration."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _ToStderr):
            root.removeHandler(handler)
    handler = _ToStderr()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    logging.getLogger(_OURS).setLevel(logging.INFO)
