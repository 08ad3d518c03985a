"""`grid login` and `grid logout`: choose the server that later commands work on."""

from __future__ import annotations

import sys

import click

from grid_datastores.cli.output import echo_result, warn


@click.command()
@click.option("--url", required=True, help="URL of the server.")
@click.option("--username", envvar="GRID_USER_ID", help="Your user name or id. Default: GRID_USER_ID.")
@click.option(
    "--key",
    envvar="GRID_API_KEY",
    help="Your API key. Default: GRID_API_KEY. With -, the key is read from standard input; in a terminal you are"
    " asked for it. This keeps the key out of `ps` and your shell history.",
)
def login(url: str, username: str | None, key: str | None) -> None:
    """Sign in to a server. Later commands work on it. To run one on this machine instead, put GRID_URL= before it."""
    from grid_datastores.gateway.credentials import normalize_url, overriding_variables, store_credentials
    from grid_datastores.gateway.http import sign_in
    from grid_datastores.settings import read_settings

    if not username:
        raise click.UsageError("Give your user name or id with --username or in GRID_USER_ID.")
    key = _read_key() if key == "-" else key
    if not key:
        raise click.UsageError("Give your API key on standard input with --key -, or in GRID_API_KEY.")
    server = sign_in(normalize_url(url), username, key)
    path = store_credentials(read_settings(), server)
    echo_result(f"Signed in to {server.url} as {username}. The credentials are in {path}.")
    if variables := overriding_variables(server, username):
        single = len(variables) == 1
        warn(
            f"{' and '.join(variables)} {'is' if single else 'are'} set and"
            f" {'overrides' if single else 'override'} these credentials."
            f" To use the credentials, unset {'it' if single else 'them'}."
        )


@click.command()
def logout() -> None:
    """Remove the credentials that `grid login` stored. Later commands work on this machine."""
    from grid_datastores.gateway.credentials import remove_credentials
    from grid_datastores.settings import SERVER_URL, read_settings

    removed = remove_credentials(read_settings())
    if removed is None:
        text = "You were not signed in. Nothing was changed."
    elif removed.url:
        text = f"Signed out of {removed.url} (you were {removed.user_id}). {removed.path} was removed."
    else:
        text = f"{removed.path} named no server and was removed."
    if url := SERVER_URL.given():
        text += f" {SERVER_URL.name} is set, so commands still work on {url}."
    echo_result(text)


def _read_key() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("API key", hide_input=True, err=True))
    return sys.stdin.readline().strip()
