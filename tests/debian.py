"""Programs of the system that tests need: installed as Debian packages where this user may do that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable


def needed() -> bool:
    """Whether a run without one of them is a failure: in CI."""
    return os.environ.get("CI", "").lower() in ("true", "1")


def set_up(
    find: Callable[[], str | None],
    packages: tuple[str, ...],
    what: str,
    missing: str,
    download: Callable[[], None] = lambda: None,
) -> int:
    """Find a program, else download it, else install the first of these packages that works.

    Prints what it did; returns an exit code.
    """
    found = find()
    if not found:
        download()
        found = find() or _install(find, packages, what)
    if found:
        print(f"{what} in {found}")
        return 0
    print(missing, file=sys.stderr)
    return 1 if needed() else 0


def _install(find: Callable[[], str | None], packages: tuple[str, ...], what: str) -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    _apt_get("update")
    for package in packages:
        print(f"Installing the package {package} with apt-get: {what.lower()} in it")
        if _apt_get("install", "--yes", "--no-install-recommends", package):
            return find()
    return None


def _apt_get(*words: str) -> bool:
    # In runlevel 1 no package starts the service that it brings.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    return subprocess.run(["apt-get", "-qq", *words], env=environment, stdout=subprocess.DEVNULL).returncode == 0
