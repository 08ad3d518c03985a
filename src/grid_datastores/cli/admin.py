"""`grid admin`: look after the server's data, on the server's machine."""

from __future__ import annotations

import click


@click.group()
def admin() -> None:
    """Look after the data of the server on this machine."""


@admin.command("rotate-signing-key")
def rotate_signing_key() -> None:
    """Replace the key that signs the server's URLs, for example after somebody could read the catalog.

    All signed URLs of files and of parts of uploads become invalid, and so does a sign-in link that was not used yet.
    A running server needs no restart. Uploads with `grid` continue: they request new URLs. The users' API keys and
    sign-ins stay valid.
    """
    from grid_datastores.cli.output import echo_result
    from grid_datastores.cli.service import open_service_here

    with open_service_here() as service:
        service.accounts.rotate_signing_key()
    echo_result(
        "The signing key is replaced. All URLs that were signed before are invalid.",
        "The users' API keys and sign-ins stay valid. To replace the key of a user: grid user key NAME",
    )
