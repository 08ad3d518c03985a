"""A command that ends with the process that started it."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from grid_datastores.system.tied_process import start_tied


def test_the_command_has_its_arguments_environment_and_exit_code_and_no_further_files(tmp_path: Path) -> None:
    said = tmp_path / "said"
    tells = (
        "import os, sys; print(sys.argv[2:], os.environ['A'], os.listdir('/proc/self/fd'), file=open(sys.argv[1], 'w'))"
    )
    with start_tied([sys.executable, "-c", f"{tells}; sys.exit(7)", str(said), "-x", "a b"], {"A": "1"}) as process:
        assert process.wait() == 7
    assert said.read_text() == "['-x', 'a b'] 1 ['0', '1', '2', '3']\n", "the last file is that of the list"


def test_the_command_ignores_no_signal(tmp_path: Path) -> None:
    said = tmp_path / "said"
    with start_tied(["/bin/sh", "-c", f"grep SigIgn /proc/self/status > {said}"], {"PATH": "/usr/bin:/bin"}) as process:
        assert process.wait() == 0
    assert said.read_text().split() == ["SigIgn:", "0" * 16]


def test_a_file_that_is_no_program_is_an_error_of_the_caller(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("echo without a first line that names a program\n")
    program.chmod(0o755)
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(OSError, match="Exec format error") as error:
        start_tied([str(program)], {})
    assert (error.value.errno, error.value.filename) == (errno.ENOEXEC, str(program))
    assert len([*Path("/proc/self/fd").iterdir()]) == before
