"""`grid serve` and `grid user`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import output_option
from grid_datastores.cli.output import print_json, print_table, say, told

if TYPE_CHECKING:
    from grid_datastores.domain.model import User
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
    from grid_datastores.cli.logs import log_lines
    from grid_datastores.server.serve import serve as run
    from grid_datastores.settings import read_settings

    log_lines()
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
    _say_key("User {} is added in {}.", *_accounts().add(name), output)


@user.command("key")
@click.argument("name")
@output_option
def key_command(name: str, output: str) -> None:
    """Make a new key for a user and print it; the old one and the user's sign-ins work no more."""
    said = "User {} has a new key in {}; the old one and their sign-ins work no more."
    _say_key(said, *_accounts().new_key(name), output)


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
    from grid_datastores.cli.logs import log_sentences
    from grid_datastores.service import open_service
    from grid_datastores.settings import read_settings

    log_sentences()
    return open_service(read_settings(), queued=lambda: None).accounts


def _say_key(what: str, whose: User, key: str, output: str) -> None:
    from grid_datastores.settings import read_settings

    place = str(read_settings().catalog.parent)
    done = what.format(whose.name, place)
    with told(done, _lost_key(whose)):
        if output == "json":
            print_json({"id": whose.id, "name": whose.name, "apiKey": key, "place": place})
            return
        say(f"{done} The key is shown only now: {key}")
        say(f"Sign in with: grid login --url URL --username {whose.name} --key -")


def _say_ready(welcome: Welcome) -> None:
    """Print how to reach the server, which serves all the same where that cannot be printed."""
    with suppress(click.exceptions.Exit), told(f"Grid Datastores is at {welcome.url}.", _lost_key(welcome.user)):
        listens = "" if welcome.url == welcome.listening else f", listening at {welcome.listening}"
        say(f"Grid Datastores is at {welcome.url}{listens} (stop it with Ctrl-C)")
        say(f"Open it in a browser, signed in as {welcome.user.name}; the link works once, for an hour:")
        say(f"  {welcome.link}")
        if welcome.first:
            added, key = welcome.first
            say(f"The first user is {added.name}; the key is shown only now. On the command line, sign in with:")
            say(f"  grid login --url {welcome.url} --username {added.name} --key {key}")
        else:
            say(f"A user without a key gets a new one from: grid user key {welcome.user.name}")


def _lost_key(whose: User) -> str:
    return f" Make a new key with: grid user key {whose.name}"
