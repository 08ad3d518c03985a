"""`grid run`: run a command on this machine, as a Run that holds a version until the command ends."""

from __future__ import annotations

import sys
from functools import partial

import click

from grid_datastores.cli.options import OnceOption, mounted_name_option, mounted_version_option, version_ref
from grid_datastores.cli.output import warn
from grid_datastores.cli.progress import progress
from grid_datastores.cli.target import open_datastores


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--name", cls=OnceOption, required=True, help="Name of the Run.")
@mounted_name_option
@mounted_version_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(name: str, datastore: str, version: int, command: tuple[str, ...]) -> None:
    """Run COMMAND on this machine with a version mounted read-only.

    Give the options before COMMAND, with an optional -- between them. Everything after COMMAND is passed to it.

    In COMMAND, {NAME} is replaced by the folder of the datastore with that name. The environment variable
    GRID_DATASTORE_NAME has the same path. The version cannot be deleted until COMMAND ends. The exit code is that of
    COMMAND.
    """
    from grid_datastores.machine.run_command import run_command
    from grid_datastores.settings import read_settings

    ref = version_ref(datastore, version)
    with open_datastores() as datastores:
        mounting = partial(progress, f"Mounting {ref}")
        code = run_command(datastores, read_settings().directory, name, ref, command, mounting, warn)
    sys.exit(code)
