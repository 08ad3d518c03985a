"""`grid status`: where commands work, what there is room for, and the Runs that are at work."""

from __future__ import annotations

import click

from grid_datastores.cli.options import output_option
from grid_datastores.cli.output import print_json, say
from grid_datastores.cli.session import print_workloads
from grid_datastores.cli.target import open_datastores


@click.command()
@click.option("--all", "ended", is_flag=True, help="List the Runs that have ended, too.")
@output_option
def status(ended: bool, output: str) -> None:
    """Say where commands work, how many versions you have of how many you may have, and what your Runs mount."""
    from grid_datastores.domain.model import WorkloadKind

    with open_datastores() as datastores:
        quota = datastores.quota()
        runs = [run for run in datastores.workloads(WorkloadKind.RUN) if ended or run.state.live]
    if output == "json":
        from grid_datastores.wire.workloads import run_out

        listed = [run_out(run, "") for run in runs]
        print_json({"place": datastores.place, "used": quota.used, "limit": quota.limit, "runs": listed})
        return
    say(f"Working on {datastores.place}.")
    say(f"You have {quota.used} of {quota.limit} versions.")
    if runs:
        print_workloads(runs)
    else:
        say("There are no Runs." if ended else "No Run is at work.")
