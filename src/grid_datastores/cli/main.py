"""The `grid` command. It reports every failure in one sentence on stderr and an exit code, never with a traceback.

For a usage error, click prints the command's usage before the sentence.
"""

from __future__ import annotations

import sys
from typing import IO

import click

from grid_datastores.cli.admin import admin
from grid_datastores.cli.datastore import datastore
from grid_datastores.cli.deletion import delete
from grid_datastores.cli.output import redirect_to_devnull
from grid_datastores.cli.running import run
from grid_datastores.cli.server import serve, user
from grid_datastores.cli.session import cancel, session
from grid_datastores.cli.signing import login, logout
from grid_datastores.cli.status import status
from grid_datastores.cli.users import remove, sign_ins
from grid_datastores.domain.errors import OutcomeUnknown, Refusal
from grid_datastores.domain.text import escape_control, os_sentence
from grid_datastores.system.signals import raise_on_termination, signal_exit_code


class _Failure(click.ClickException):
    """A failure that click shows as one sentence."""

    def __init__(self, message: str, exit_code: int) -> None:
        # Escape control characters in paths and in a server's messages, but keep the indented lists of refusals.
        super().__init__("\n  ".join(escape_control(line) for line in message.split("\n  ")))
        self._exit_code = exit_code

    def show(self, file: IO[str] | None = None) -> None:
        """Print the message on stderr and exit with the refusal's exit code."""
        super().show(file)
        sys.exit(self._exit_code)


class _Grid(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        raise_on_termination()
        try:
            return super().invoke(ctx)
        except Refusal as error:
            raise _Failure(error.message, signal_exit_code(error) or error.exit_code) from error
        except OutcomeUnknown as error:
            raise _Failure(str(error), signal_exit_code(error) or 1) from None
        except KeyboardInterrupt as error:
            raise _Failure("Interrupted before the command finished.", signal_exit_code(error) or 1) from None


@click.group(cls=_Grid, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="grid-datastores")
def cli() -> None:
    """Keep datasets as versions of datastores, use them in Sessions and Runs, and delete exactly one.

    Commands work on this machine. After `grid login`, or with GRID_URL set, they work on a server.
    """


datastore.add_command(delete)
user.add_command(remove)
user.add_command(sign_ins)
for command in (datastore, session, run, cancel, serve, login, logout, status, user, admin):
    cli.add_command(command)


def main() -> None:
    """Run the command line. This is the only place that reports unexpected errors."""
    try:
        cli()
    except BrokenPipeError:
        redirect_to_devnull(sys.stdout)
        sys.exit(1)
    except OSError as error:
        if _debugging():
            raise
        click.echo(f"Error: {escape_control(os_sentence(error))}", err=True)
        redirect_to_devnull(sys.stdout)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if _debugging():
            raise
        text = escape_control(" ".join(str(error).split())) or type(error).__name__
        click.echo(f"Error: {text} (for a traceback, set GRID_DEBUG=1)", err=True)
        sys.exit(1)


def _debugging() -> bool:
    from grid_datastores.settings import DEBUG

    return bool(DEBUG.given())
