"""Where `grid` begins: a Ctrl-C is told also while the rest is being loaded."""

from __future__ import annotations

import sys


def main() -> None:
    """Load the command line and run it."""
    try:
        from grid_datastores.cli import main as run
    except KeyboardInterrupt:
        sys.exit("Error: Interrupted; nothing was done.")
    try:
        run()
    except KeyboardInterrupt:  # before a command began, or after it ended
        sys.exit("Error: Interrupted.")
