"""`grid serve`, `grid login`, `grid status` and `grid user`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import output_option
from grid_datastores.cli.output import print_json, print_table

if TYPE_CHECKING:
    from grid_datastores.model import User
    from grid_datastores.server.serve import Welcome
    from grid_datastores.service.accounts import Accounts


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


@click.command()
@click.option("--url", required=True, help="Address of the server.")
@click.option("--username", required=True, help="Your user name or id.")
@click.option("--key", required=True, help="Your API key.")
def login(url: str, username: str, key: str) -> None:
    """Sign in to a server; later commands work there. GRID_URL= (empty) before a command works on this machine."""
    from grid_datastores.client import sign_in
    from grid_datastores.credentials import checked_url, keep
    from grid_datastores.settings import read_settings

    server = sign_in(checked_url(url), username, key)
    path = keep(read_settings(), server)
    click.echo(f"Signed in at {server.url} as {username}; the credentials are in {path}.")


@click.command()
@output_option
def status(output: str) -> None:
    """Say where commands work, and how many versions you have of how many you may have."""
    from grid_datastores.cli.target import open_datastores

    with open_datastores() as datastores:
        quota = datastores.quota()
    if output == "json":
        print_json({"place": datastores.place, "used": quota.used, "limit": quota.limit})
        return
    click.echo(f"Working on {datastores.place}.")
    click.echo(f"You have {quota.used} of {quota.limit} versions.")


@click.group()
def user() -> None:
    """Work with the users of the server on this machine."""


@user.command()
@click.argument("name")
@output_option
def add(name: str, output: str) -> None:
    """Add a user and print their key, which is not kept and cannot be shown again."""
    _say_key("User {} is added.", *_accounts().add(name), output)


@user.command("key")
@click.argument("name")
@output_option
def key_command(name: str, output: str) -> None:
    """Make a new key for a user and print it; the old one and the user's sign-ins work no more."""
    _say_key("User {} has a new key; the old one and their sign-ins work no more.", *_accounts().new_key(name), output)


@user.command("list")
@output_option
def list_command(output: str) -> None:
    """List the users, by name."""
    users = _accounts().all()
    if output == "json":
        print_json([{"id": known.id, "name": known.name} for known in users])
    elif users:
        print_table(["NAME", "ID"], [[known.name, known.id] for known in users])
    else:
        click.echo("There are no users. Add one with: grid user add NAME")


def _accounts() -> Accounts:
    from grid_datastores.service import open_service
    from grid_datastores.settings import read_settings

    return open_service(read_settings(), queued=lambda: None).accounts


def _say_key(what: str, whose: User, key: str, output: str) -> None:
    if output == "json":
        print_json({"id": whose.id, "name": whose.name, "apiKey": key})
        return
    click.echo(f"{what.format(whose.name)} The key is shown only now: {key}")
    click.echo(f"Sign in with: grid login --url URL --username {whose.name} --key {key}")


def _say_ready(welcome: Welcome) -> None:
    click.echo(f"Grid Datastores is at {welcome.url} (stop it with Ctrl-C)")
    click.echo(f"Open it in a browser, signed in as {welcome.user.name}; the link works once, for an hour:")
    click.echo(f"  {welcome.link}")
    if welcome.first:
        added, key = welcome.first
        click.echo(f"The first user is {added.name}; the key is shown only now. On the command line, sign in with:")
        click.echo(f"  grid login --url {welcome.url} --username {added.name} --key {key}")
    else:
        click.echo(f"A user without a key gets a new one from: grid user key {welcome.user.name}")
