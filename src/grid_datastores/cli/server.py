"""`grid serve` and `grid user`: run the server, and manage its users."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import output_option
from grid_datastores.cli.output import echo, fallback_to_stderr, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grid_datastores.domain.model import User
    from grid_datastores.server.serve import Welcome
    from grid_datastores.service.accounts import Accounts


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to listen on.", show_default=True)
@click.option(
    "--port",
    default=8000,
    type=click.IntRange(0, 65535),
    help="Port to listen on. 0 chooses a free port.",
    show_default=True,
)
def serve(host: str, port: int) -> None:
    """Serve the HTTP API and the web UI until Ctrl-C. In a new folder, it creates a user and prints their key."""
    from grid_datastores.cli.logs import log_lines
    from grid_datastores.server.serve import serve as run
    from grid_datastores.settings import read_settings

    log_lines()
    run(read_settings(), host, port, _print_welcome)


@click.group()
def user() -> None:
    """Manage the users of the server on this machine."""


@user.command()
@click.argument("name")
@output_option
def add(name: str, output: str) -> None:
    """Add a user and print their API key, which cannot be shown again.

    This adds a user to the server on this machine, even if you are signed in to another server.
    """
    with _accounts() as accounts:
        added, key = accounts.add(name)
    _print_key("User {} is added in {}.", added, key, output)


@user.command("key")
@click.argument("name")
@output_option
def key_command(name: str, output: str) -> None:
    """Create a new API key for a user and print it. The old key becomes invalid, and the user is signed out.

    Signed URLs of the user's files and uploads become invalid, too.
    """
    message = "User {} has a new key in {}. The old key is invalid, and the user is signed out."
    with _accounts() as accounts:
        owner, key = accounts.new_key(name)
    _print_key(message, owner, key, output)


@user.command("list")
@output_option
def list_command(output: str) -> None:
    """List the users, sorted by name."""
    with _accounts() as accounts:
        users = accounts.all()
    if output == "json":
        print_json([{"id": user.id, "name": user.name} for user in users])
    elif users:
        print_table(["NAME", "ID"], [[user.name, user.id] for user in users])
    else:
        click.echo("There are no users. Add one with: grid user add NAME")


@contextmanager
def _accounts() -> Iterator[Accounts]:
    from grid_datastores.cli.service import open_service_here

    with open_service_here() as service:
        yield service.accounts


def _print_key(message: str, user: User, key: str, output: str) -> None:
    from grid_datastores.settings import read_settings

    place = str(read_settings().catalog.parent)
    done = message.format(user.name, place)
    with fallback_to_stderr(done, _new_key_advice(user)):
        if output == "json":
            print_json({"id": user.id, "name": user.name, "apiKey": key, "place": place})
            return
        echo(f"{done} The key is shown only once: {key}")
        echo(f"Sign in with: grid login --url URL --username {user.name} --key -")


def _print_welcome(welcome: Welcome) -> None:
    """Print how to reach the server. If stdout fails, the server still runs."""
    running = f"Grid Datastores is running at {welcome.url}"
    with suppress(click.exceptions.Exit), fallback_to_stderr(f"{running}.", _new_key_advice(welcome.user)):
        listening = "" if welcome.url == welcome.listening_url else f", listening on {welcome.listening_url}"
        echo(f"{running}{listening} (stop it with Ctrl-C)")
        echo(f"To open it in a browser, signed in as {welcome.user.name}, use this link once within an hour:")
        echo(f"  {welcome.link}")
        if welcome.first:
            user, key = welcome.first
            echo(f"The first user is {user.name}. The key is shown only once. On the command line, sign in with:")
            echo(f"  grid login --url {welcome.url} --username {user.name} --key {key}")
        else:
            echo(f"If you have lost the key, create a new one with: grid user key {welcome.user.name}")


def _new_key_advice(user: User) -> str:
    return f" Create a new key with: grid user key {user.name}"
