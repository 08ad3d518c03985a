"""Configure the log on stderr: plain sentences for commands, lines with a time and a level for `grid serve`.

A command configures the log when it starts. Other loggers than ours only log warnings and errors.
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
    """Print each log record as a sentence, for example "Warning: the bytes of … could not be erased yet"."""
    _configure(_Sentences())


def log_lines() -> None:
    """Print each log record as a line: the time in UTC (ISO 8601), the level, the logger and the message."""
    _configure(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))


class _Printable(logging.Formatter):
    """Escapes control characters in messages, so that the path of a request cannot start a new line."""

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
    """Writes to `sys.stderr`, looked up for each record because it can be replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _configure(formatter: logging.Formatter) -> None:
    """Configure the root logger, replacing an earlier configuration."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _ToStderr):
            root.removeHandler(handler)
    handler = _ToStderr()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    logging.getLogger(_OURS).setLevel(logging.INFO)
