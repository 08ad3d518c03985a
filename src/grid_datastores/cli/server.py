"""`grid serve` and `grid user`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import output_option
from grid_datastores.cli.output import print_json

if TYPE_CHECKING:
    from grid_datastores.server.serve import Welcome


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen at.", show_default=True)
@click.option(
    "--port",
    default=8000,
    type=click.IntRange(0, 65535),
    help="Port to listen at; 0 takes a free one.",
    show_default=True,
)
def serve(host: str, port: int) -> None:
    """Serve the HTTP API and the web UI until Ctrl-C. The first start makes a first user and prints their key."""
    from grid_datastores.server.serve import serve as run
    from grid_datastores.settings import read_settings

    run(read_settings(), host, port, _say_ready)


@click.group()
def user() -> None:
    """Work with the users of the server on this machine."""


@user.command()
@click.argument("name")
@output_option
def add(name: str, output: str) -> None:
    """Add a user and print their key, which is not kept and cannot be shown again.

    The user is one of the server on this machine, also while you are signed in to another.
    """
    from grid_datastores.service import open_service
    from grid_datastores.settings import read_settings

    settings = read_settings()
    service = open_service(settings, queued=lambda: None)
    added, key = service.accounts.add(name)
    place = "the database of GRID_DATABASE_URL" if os.environ.get("GRID_DATABASE_URL") else str(settings.data)
    if output == "json":
        print_json({"id": added.id, "name": added.name, "apiKey": key, "place": place})
        return
    click.echo(f"User {added.name} is added in {place}. The key is shown only now: {key}")
    click.echo(f"Sign in with: grid login --url URL --username {added.name} --key -")


def _say_ready(welcome: Welcome) -> None:
    click.echo(f"Grid Datastores is at {welcome.url} (stop it with Ctrl-C)")
    click.echo(f"Open it in a browser, signed in as {welcome.user.name}; the link works once, for an hour:")
    click.echo(f"  {welcome.link}")
    if welcome.first:
        added, key = welcome.first
        click.echo(f"The first user is {added.name}; the key is shown only now. On the command line, sign in with:")
        click.echo(f"  grid login --url {welcome.url} --username {added.name} --key {key}")
