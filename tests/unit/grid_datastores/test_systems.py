"""A system that is not supported is named in one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

# As Python is on Windows: it has no module `fcntl`.
_WINDOWS = (
    "import sys; sys.platform = 'win32'; sys.modules['fcntl'] = None; from grid_datastores.entry import main; main()"
)


@pytest.mark.proves("windows-not-supported")
def test_windows_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", _WINDOWS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: grid does not run on Windows. Run it on Linux, or in the Windows Subsystem for Linux.\n"
    )
