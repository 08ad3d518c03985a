"""`grid user remove` and `grid user sign-ins`: end what a user has on the server of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grid_datastores.cli.deletion import content_text
from grid_datastores.cli.options import output_option
from grid_datastores.cli.output import echo, fallback_to_stderr, format_time, print_json, print_table

if TYPE_CHECKING:
    from grid_datastores.domain.sign_ins import SignIn
    from grid_datastores.service.user_removal import RemovedUser


@click.command()
@click.argument("name")
@click.option("--delete-versions", is_flag=True, help="Also delete all versions of the user. This cannot be undone.")
@output_option
def remove(name: str, delete_versions: bool, output: str) -> None:
    """Remove a user. Their key, sign-ins, signed URLs, Sessions and Runs end at once.

    A user who has versions is only removed with --delete-versions, which deletes all of them. If one of them is in use,
    nothing is removed or deleted. The user whose versions the commands on this machine use without a server cannot be
    removed, nor can the only user. A user who is added later under the same name sees nothing of this one.

    With -o json, it prints id, name, removedAt, endedWorkloads, mayHaveCopies and deleted: the deleted versions, each
    with id, name, version, source, sourceType, fileCount, sizeBytes and deletedAt.
    """
    from grid_datastores.cli.service import open_service_here
    from grid_datastores.gateway.embedded import person

    with open_service_here() as service:
        removed = service.user_removal.remove(name, person(), delete_versions=delete_versions)
        try:
            with fallback_to_stderr(_summary(removed)):
                _print_removed(removed, output)
        finally:
            service.erase_deleted()


@click.command("sign-ins")
@click.argument("name")
@click.option("--end", is_flag=True, help="End all of them.")
@output_option
def sign_ins(name: str, end: bool, output: str) -> None:
    """List where a user is signed in: in a browser, or with a token of the API. The last used comes first.

    The commands of `grid` use the user's key, not a sign-in. To end both: grid user key NAME
    """
    from grid_datastores.cli.service import open_service_here

    with open_service_here() as service:
        user = service.accounts.named(name)
        found = service.accounts.sign_ins(user)
        if end:
            service.accounts.end_sign_ins(user)
    if end:
        with fallback_to_stderr(_ended_text(name, found)):
            if output == "json":
                print_json([_sign_in_json(sign_in) for sign_in in found])
            else:
                echo(_ended_text(name, found))
                echo(f"Their key stays valid. To replace it: grid user key {name}")
    elif output == "json":
        print_json([_sign_in_json(sign_in) for sign_in in found])
    elif found:
        print_table(["WHAT", "SINCE", "LAST USED", "EXPIRES", "FROM"], [_row(sign_in) for sign_in in found])
    else:
        echo(f"User {name} is not signed in. Commands need no sign-in: they use the user's key.")


def _summary(removed: RemovedUser) -> str:
    from grid_datastores.domain.text import counted

    count = len(removed.versions)
    deleted = f" {counted(count, 'version')} {'was' if count == 1 else 'were'} deleted." if count else ""
    ended = f" {counted(removed.ended, 'Session or Run')} ended." if removed.ended == 1 else ""
    if removed.ended > 1:
        ended = f" {removed.ended} Sessions and Runs ended."
    return f"User {removed.user.name} is removed.{deleted}{ended}"


def _print_removed(removed: RemovedUser, output: str) -> None:
    if output == "json":
        print_json(_removed_json(removed))
        return
    for version in removed.versions:
        echo(f"Deleted {version.ref}: {content_text(version)}. This cannot be undone.")
    echo(_summary(removed))
    if removed.may_have_copies:
        echo("A Run has used a version. To erase the copies on another machine, run there: grid datastore clearcache")


def _removed_json(removed: RemovedUser) -> dict[str, object]:
    from grid_datastores.wire.common import time_out
    from grid_datastores.wire.datastores import SOURCE_TYPES

    return {
        "id": removed.user.id,
        "name": removed.user.name,
        "removedAt": time_out(removed.at),
        "endedWorkloads": removed.ended,
        "mayHaveCopies": removed.may_have_copies,
        "deleted": [
            {
                "id": version.id,
                "name": version.ref.name,
                "version": version.ref.number,
                "source": version.source.location,
                "sourceType": SOURCE_TYPES[version.source.kind],
                "fileCount": str(version.file_count),
                "sizeBytes": str(version.size_bytes),
                "deletedAt": time_out(removed.at),
            }
            for version in removed.versions
        ],
    }


def _ended_text(name: str, ended: list[SignIn]) -> str:
    from grid_datastores.domain.text import counted

    if not ended:
        return f"User {name} was not signed in. Nothing was changed."
    return f"{counted(len(ended), 'sign-in')} of user {name} ended."


def _row(sign_in: SignIn) -> list[str]:
    client = sign_in.client
    what = f"{client} ({client.kind})"
    times = [format_time(at) for at in (sign_in.since, sign_in.last_used_at, sign_in.expires_at)]
    return [what, *times, client.address or "-"]


def _sign_in_json(sign_in: SignIn) -> dict[str, object]:
    from grid_datastores.wire.common import time_out

    return {
        "id": sign_in.id,
        "kind": sign_in.client.kind.value,
        "client": str(sign_in.client),
        "userAgent": sign_in.client.user_agent,
        "address": sign_in.client.address,
        "since": time_out(sign_in.since),
        "lastUsedAt": time_out(sign_in.last_used_at),
        "expiresAt": time_out(sign_in.expires_at),
    }
