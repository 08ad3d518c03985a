"""Ctrl-C before the command line is even loaded."""

from __future__ import annotations

from pathlib import Path

from reliability.machine import Machine, finished


def test_ctrl_c_while_grid_is_loading_is_told(embedded: Machine, tmp_path: Path) -> None:
    """A `click` that interrupts whoever imports it stands for the person at the keyboard."""
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    said = finished(embedded.execute("datastore", env={"PYTHONPATH": str(tmp_path)}))
    said.refused("Interrupted. Nothing was done.")
    assert said.out == ""
