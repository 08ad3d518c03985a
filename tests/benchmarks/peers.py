"""Tools for the same work: `restic` and `borg`, from Debian's packages."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pairs import run

_RESTIC = {"RESTIC_PASSWORD": "benchmark", "RESTIC_PROGRESS_FPS": "0"}
_BORG = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}


def missing() -> list[str]:
    """Return the peers that are not installed."""
    return [tool for tool in ("restic", "borg") if not shutil.which(tool)]


@dataclass(frozen=True)
class Restic:
    """A repository of restic, which encrypts and finds duplicates."""

    folder: Path

    def begin(self) -> None:
        """Make a new, empty repository."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._restic("init")

    def backup(self, source: Path) -> None:
        """Back up a folder."""
        self._restic("backup", "--quiet", str(source))

    def forget(self) -> None:
        """Delete the latest backup, with its data."""
        self._restic("forget", "latest", "--prune", "--quiet")

    def _restic(self, *words: str) -> None:
        home = {"RESTIC_CACHE_DIR": f"{self.folder}-cache", "RESTIC_REPOSITORY": str(self.folder)}
        run("restic", *words, **_RESTIC, **home)


@dataclass(frozen=True)
class Borg:
    """A repository of borg without encryption, which compresses and finds duplicates."""

    folder: Path

    def begin(self) -> None:
        """Make a new, empty repository."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._borg("init", "--encryption=none", str(self.folder))

    def backup(self, source: Path) -> None:
        """Back up a folder."""
        self._borg("create", f"{self.folder}::backup", str(source))

    def _borg(self, *words: str) -> None:
        run("borg", *words, BORG_BASE_DIR=f"{self.folder}-home", **_BORG)
