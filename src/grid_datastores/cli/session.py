"""`grid session` and `grid cancel`: start, list and end workloads, which keep their versions from deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import (
    OnceOption,
    WorkloadName,
    mounted_name_option,
    mounted_version_option,
    output_option,
    pass_output_on,
)
from grid_datastores.cli.output import echo_result, format_time, print_json_list, print_table
from grid_datastores.cli.target import open_datastores

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grid_datastores.domain.model import Workload, WorkloadState


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def session(ctx: click.Context, output: str) -> None:
    """Work with Sessions. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        _list(output)
    else:
        pass_output_on(ctx, output)


@session.command("list")
@output_option
def list_command(output: str) -> None:
    """List your Sessions and what they mount."""
    _list(output)


@session.command()
@click.argument("name")
@mounted_name_option
@mounted_version_option
@click.option(
    "--datastore_mount_dir",
    "path",
    cls=OnceOption,
    help="Path to mount it at. Default: /datastores/NAME.",
)
def create(name: str, datastore: str, version: int, path: str | None) -> None:
    """Start a Session with a version mounted. The version cannot be deleted until you delete the Session."""
    from grid_datastores.domain.model import VersionRef, WorkloadKind

    with open_datastores() as datastores:
        started = datastores.start(WorkloadKind.SESSION, name, {VersionRef(datastore, version): path or ""})
    mount = started.mounts[0]
    echo_result(f"Session {name} is running, with {mount.ref} at {mount.path}.")


@session.command()
@click.argument("name", type=WorkloadName("Session"))
def pause(name: str) -> None:
    """Pause a Session. You still cannot delete the versions that it mounts."""
    from grid_datastores.domain.model import WorkloadState

    _set_state(name, WorkloadState.PAUSED)
    echo_result(f"Session {name} is paused. The versions that it mounts are still in use.")


@session.command()
@click.argument("name", type=WorkloadName("Session"))
def resume(name: str) -> None:
    """Resume a paused Session."""
    from grid_datastores.domain.model import WorkloadState

    _set_state(name, WorkloadState.RUNNING)
    echo_result(f"Session {name} is running.")


@session.command()
@click.argument("name", type=WorkloadName("Session"))
def delete(name: str) -> None:
    """Delete a Session and release the versions that it mounts."""
    from grid_datastores.domain.model import WorkloadState

    ended = _set_state(name, WorkloadState.DELETED)
    echo_result(f"Session {name} is deleted. It released {_mounted(ended)}.")


@click.command()
@click.argument("name", type=WorkloadName("Run"))
def cancel(name: str) -> None:
    """Cancel a Run and release the versions that it mounts. This does not stop the Run's process."""
    from grid_datastores.domain.model import WorkloadKind, WorkloadState

    with open_datastores() as datastores:
        ended = datastores.set_state(WorkloadKind.RUN, name, WorkloadState.CANCELED)
    echo_result(f"Run {name} is canceled. It released {_mounted(ended)}. This does not stop its process.")


def _set_state(name: str, state: WorkloadState) -> Workload:
    from grid_datastores.domain.model import WorkloadKind

    with open_datastores() as datastores:
        return datastores.set_state(WorkloadKind.SESSION, name, state)


def _mounted(workload: Workload) -> str:
    return ", ".join(str(mount.ref) for mount in workload.mounts) or "nothing"


def _list(output: str) -> None:
    from grid_datastores.domain.model import WorkloadKind

    with open_datastores() as datastores:
        sessions = datastores.workloads(WorkloadKind.SESSION)
        if output == "json":
            from grid_datastores.wire.workloads import session_out

            print_json_list(session_out(item, "") for item in sessions)
            return
        if not print_workloads(sessions):
            click.echo(
                "You have no Sessions."
                " Start one with: grid session create NAME --datastore_name N --datastore_version V"
            )


def print_workloads(workloads: Iterable[Workload]) -> bool:
    """Print a table of Sessions or Runs and the versions that they mount, as they arrive. Return whether any did."""
    rows = (
        [
            item.name,
            item.state.value,
            format_time(item.state_since),
            ", ".join(f"{mount.ref} at {mount.path}" for mount in item.mounts) or "-",
        ]
        for item in workloads
    )
    return print_table(["NAME", "STATE", "SINCE", "MOUNTS"], rows)
