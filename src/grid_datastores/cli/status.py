"""`grid status`: show where commands work, the quota, and the Runs."""

from __future__ import annotations

import click

from grid_datastores.cli.options import output_option
from grid_datastores.cli.output import echo, print_json
from grid_datastores.cli.session import print_workloads
from grid_datastores.cli.target import open_datastores


@click.command()
@click.option("--all", "ended", is_flag=True, help="Also list the Runs that have ended.")
@output_option
def status(ended: bool, output: str) -> None:
    """Show where commands work and as which user, how many versions you have and may have, and what your Runs mount."""
    from grid_datastores.domain.model import WorkloadKind

    with open_datastores() as datastores:
        user = datastores.identity().user_name
        quota = datastores.quota()
        runs = list(datastores.workloads(WorkloadKind.RUN, live=not ended))
    if output == "json":
        from grid_datastores.wire.workloads import run_out

        listed = [run_out(run, "") for run in runs]
        place = {"place": datastores.place_name, "user": user}
        print_json(place | {"used": quota.used, "limit": quota.limit, "runs": listed})
        return
    echo(f"Working on {datastores.place_name}{f' as {user}' if user else ''}.")
    echo(f"You have {quota.used} of {quota.limit} versions.")
    if runs:
        print_workloads(runs)
    else:
        echo("You have no Runs." if ended else "No Run is running. To list the Runs that have ended: grid status --all")
