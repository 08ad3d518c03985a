"""The entry point of `grid`. It reports Ctrl-C without a traceback even while the other modules load."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Load the command line and run it."""
    if sys.platform == "win32":
        sys.exit("Error: grid does not run on Windows. Run it on Linux, or in the Windows Subsystem for Linux.")
    try:
        from grid_datastores.system.streams import set_up_streams

        set_up_streams()
        from grid_datastores.cli import main as run
    except KeyboardInterrupt:
        sys.exit("Error: Interrupted. Nothing was done.")
    try:
        run()
    except KeyboardInterrupt as error:  # before the command started or after it ended
        from grid_datastores.system.signals import signal_exit_code

        print("Error: Interrupted.", file=sys.stderr)
        sys.exit(signal_exit_code(error) or 1)
    finally:
        gc.freeze()  # the interpreter's last collection would take a sixth of a short command's time, for nothing
