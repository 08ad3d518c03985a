"""Install what requirements.lock names into this virtual environment, and this project on top of it.

    .venv/bin/python tools/install.py        (part of `make setup`)

uv does it, itself taken from the lock by pip: it needs seconds where pip needs a minute or more. Where uv fails, pip
installs the same lock. Both accept only files with the hashes in the lock. uv reads no pip configuration, so the
indexes, certificates and proxies that pip uses on this machine are passed to it; your own `UV_…` variables win.
Only the standard library is imported: nothing else is installed yet.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
UV = str(Path(sys.executable).with_name("uv"))
_SECTIONS = (":env:", "install", "global")  # the first that has a setting wins, as in pip
_SAME_VALUE = {  # settings of pip, and the variables in which uv and its HTTP client take the same value
    "index-url": ("UV_DEFAULT_INDEX",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("HTTP_PROXY", "HTTPS_PROXY"),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
}
_LISTS = {  # pip separates with spaces and line ends
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
}


def block(lock: str, package: str) -> str:
    """The lines of one package in a lock: its version and hashes. Raises LookupError if it has none."""
    found = re.search(rf"^{re.escape(package)}==.*(?:\n[ \t].*)*\n?", lock, re.MULTILINE)
    if found is None:
        raise LookupError(f"{package} is not in the lock.")
    return found.group()


def settings(listing: str) -> dict[str, str]:
    """pip's settings for `pip install` by name, from what `pip config list` prints."""
    found: dict[str, str] = {}
    for section in reversed(_SECTIONS):
        for line in listing.splitlines():
            name, equals, value = line.partition("=")
            if equals and name.startswith(f"{section}."):
                found[name.removeprefix(f"{section}.")] = str(ast.literal_eval(value))
    return found


def for_uv(pip: Mapping[str, str], environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The options and the environment with which uv finds packages where pip does."""
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never"}
    for name, variables in _SAME_VALUE.items():
        if name in pip:
            found |= dict.fromkeys(variables, pip[name])
    for name, (variable, separator) in _LISTS.items():
        if name in pip:
            found[variable] = separator.join(pip[name].split())
    offline = pip.get("no-index", "").lower() in ("1", "true", "yes", "on")
    return (["--no-index"] if offline else []), found | dict(environment)


def main() -> int:
    """Install everything; returns an exit code."""
    project = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    if _uv_from_the_lock() and _packages_with_uv():
        return _run([UV, "pip", "install", "--quiet", "--python", sys.executable, *project])
    print("uv could not install requirements.lock: using pip, which takes longer.", file=sys.stderr)
    return _run([*PIP, "--require-hashes", "--requirement", str(LOCK)]) or _run([*PIP, *project])


def _uv_from_the_lock() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        uv_alone = Path(folder) / "uv.txt"
        uv_alone.write_text(block(LOCK.read_text("utf-8"), "uv"), "utf-8")
        return _run([*PIP, "--no-deps", "--require-hashes", "--requirement", str(uv_alone)]) == 0


def _packages_with_uv() -> bool:
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    options, environment = for_uv(settings(listing.stdout), os.environ)
    sync = [UV, "pip", "sync", "--quiet", "--require-hashes", "--python", sys.executable, *options, str(LOCK)]
    return _run(sync, environment) == 0


def _run(command: list[str], environment: dict[str, str] | None = None) -> int:
    return subprocess.run(command, env=environment).returncode  # noqa: S603 - its own words and paths


if __name__ == "__main__":
    sys.exit(main())
