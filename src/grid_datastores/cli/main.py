"""The `grid` command and how every failure is told: one sentence on stderr, exit code 1 or 2, never a traceback."""

from __future__ import annotations

import os
import sys
from typing import IO

import click

from grid_datastores.cli.datastore import datastore
from grid_datastores.cli.deletion import delete
from grid_datastores.cli.running import run
from grid_datastores.cli.server import login, serve, status, user
from grid_datastores.cli.session import cancel, session
from grid_datastores.errors import Refusal
from grid_datastores.words import plain


class _Failure(click.ClickException):
    """A failure that click shows as one sentence."""

    def __init__(self, message: str, exit_code: int) -> None:
        # Paths and a server's words stay text; the lines of a refusal's own list are indented by two.
        super().__init__("\n  ".join(plain(line) for line in message.split("\n  ")))
        self._exit_code = exit_code

    def show(self, file: IO[str] | None = None) -> None:
        """One sentence on stderr, then the exit code that the refusal documents."""
        super().show(file)
        sys.exit(self._exit_code)


class _Grid(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Refusal as error:
            raise _Failure(error.message, error.exit_code) from error
        except KeyboardInterrupt:
            raise _Failure("Interrupted; what was not finished left nothing behind.", 1) from None


@click.group(cls=_Grid, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Keep datasets as versions of datastores, use them in Sessions and Runs, and delete exactly one.

    Works on this machine, or on a server after `grid login` or where GRID_URL says so.
    """


datastore.add_command(delete)
for command in (datastore, session, run, cancel, serve, login, status, user):
    cli.add_command(command)


def main() -> None:
    """Run the command line; the only place where an unforeseen error is told."""
    try:
        cli()
    except BrokenPipeError:
        _forget(sys.stdout)
        sys.exit(1)
    except OSError as error:
        if os.environ.get("GRID_DEBUG"):
            raise
        where = f" ({plain(str(error.filename))})" if error.filename else ""
        click.echo(f"Error: This machine says: {(error.strerror or str(error)).lower()}{where}.", err=True)
        _forget(sys.stdout)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("GRID_DEBUG"):
            raise
        said = plain(" ".join(str(error).split())) or type(error).__name__
        click.echo(f"Error: {said} (set GRID_DEBUG=1 to see where)", err=True)
        sys.exit(1)


def _forget(stream: IO[str] | None) -> None:
    """Whoever read our output is gone; writing the rest at exit would fail again."""
    if stream is None:  # closed before the start
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
