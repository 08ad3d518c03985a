"""Settings: what the environment says. Nothing here opens a file or a connection."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from grid_datastores.errors import InvalidInput

DEFAULT_QUOTA = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept, and how much is allowed."""

    directory: Path
    database_url: str
    quota_limit: int

    @property
    def data(self) -> Path:
        """The folder of the catalog and of the versions' bytes."""
        return self.directory / "data"


def read_settings() -> Settings:
    """From GRID_DIR (default ~/.grid), GRID_DATABASE_URL (default SQLite below it) and GRID_QUOTA (versions)."""
    directory = Path(os.environ.get("GRID_DIR") or Path.home() / ".grid")
    database = os.environ.get("GRID_DATABASE_URL") or f"sqlite:///{directory / 'data' / 'catalog.sqlite'}"
    return Settings(directory, database, _whole_number("GRID_QUOTA", DEFAULT_QUOTA))


def _whole_number(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise InvalidInput(f"{variable} is {text!r}; it must be a whole number from 1 on.")
    return int(text)
