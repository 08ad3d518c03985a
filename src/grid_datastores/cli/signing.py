"""`grid login` and `grid logout`: the server that later commands work on."""

from __future__ import annotations

import sys

import click

from grid_datastores.cli.output import say_done, warn


@click.command()
@click.option("--url", required=True, help="Address of the server.")
@click.option("--username", envvar="GRID_USER_ID", help="Your user name or id; GRID_USER_ID when left out.")
@click.option(
    "--key",
    envvar="GRID_API_KEY",
    help="Your API key; GRID_API_KEY when left out. With - it is read from standard input, or asked for at a terminal:"
    " then no list of processes and no history of the shell has it.",
)
def login(url: str, username: str | None, key: str | None) -> None:
    """Sign in to a server; later commands work there. GRID_URL= (empty) before a command works on this machine."""
    from grid_datastores.gateway.credentials import checked_url, keep, overriding
    from grid_datastores.gateway.http import sign_in
    from grid_datastores.settings import read_settings

    if not username:
        raise click.UsageError("Give your user name or id: with --username, or in GRID_USER_ID.")
    key = _read_key() if key == "-" else key
    if not key:
        raise click.UsageError("Give your API key: with --key - on standard input, or in GRID_API_KEY.")
    server = sign_in(checked_url(url), username, key)
    path = keep(read_settings(), server)
    say_done(f"Signed in at {server.url} as {username}; the credentials are in {path}.")
    if variables := overriding(server, username):
        one = len(variables) == 1
        warn(
            f"{' and '.join(variables)} {'is' if one else 'are'} set and {'goes' if one else 'go'}"
            f" before what was just kept; unset {'it' if one else 'them'}."
        )


@click.command()
def logout() -> None:
    """Remove the credentials that `grid login` kept; later commands work on this machine."""
    from grid_datastores.gateway.credentials import forget
    from grid_datastores.settings import SERVER_URL, read_settings

    forgotten = forget(read_settings())
    if forgotten is None:
        said = "Nobody was signed in; there is nothing to remove."
    elif forgotten.url:
        said = f"Signed out of {forgotten.url}, where you were {forgotten.user_id}; {forgotten.path} is removed."
    else:
        said = f"{forgotten.path} is removed; it named no server."
    if url := SERVER_URL.given():
        said += f" {SERVER_URL.name} is set, so commands still work on {url}."
    say_done(said)


def _read_key() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("API key", hide_input=True, err=True))
    return sys.stdin.readline().strip()
