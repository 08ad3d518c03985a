"""`grid admin`: look after the data on this machine, without a server or with one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grid_datastores.cli.output import echo, echo_result
from grid_datastores.cli.progress import progress
from grid_datastores.domain.errors import Damaged, Refusal
from grid_datastores.domain.text import counted, format_size

if TYPE_CHECKING:
    from grid_datastores.service.checking import Checking
    from grid_datastores.settings import Settings

_MAX_LISTED = 100  # problems in a message


@click.group()
def admin() -> None:
    """Look after the data of the server on this machine, or of this machine without a server."""


@admin.command()
@click.option("--repair", is_flag=True, help="Bring an older catalog up to date, and erase data that no version owns.")
def check(repair: bool) -> None:
    """Check that the catalog belongs to the data and that every stored file is what was uploaded.

    It reads all data of this machine, even if you are signed in to a server. A server can run meanwhile, but not while
    --repair brings an older catalog up to date: it has been replaced by a backup.
    """
    from contextlib import closing

    from grid_datastores.cli.logs import log_sentences
    from grid_datastores.service import open_service
    from grid_datastores.service.catalog_check import check_corruption
    from grid_datastores.service.checking import Checking
    from grid_datastores.settings import read_settings

    log_sentences()
    settings = read_settings()
    _check_exists(settings)
    check_corruption(settings.catalog)
    can_erase = repair and _repair_catalog(settings)
    with closing(open_service(settings, wake_workers=lambda: None)) as service:
        checking = Checking(service.context)
        if can_erase and (count := checking.erase_unowned()):
            echo(f"Erased the data of {counted(count, 'version')} that the catalog does not have.")
        checked, problems = _problems(checking, settings)
    if problems:
        listed = problems[:_MAX_LISTED]
        more = [f"and {len(problems) - _MAX_LISTED} more"] if len(problems) > _MAX_LISTED else []
        raise Refusal("\n  ".join([f"{checked} {counted(len(problems), 'problem')} found:", *listed, *more]))
    echo_result(f"{checked} No problem found.")


@admin.command("rotate-signing-key")
def rotate_signing_key() -> None:
    """Replace the key that signs the server's URLs, for example after somebody could read the catalog.

    All signed URLs of files and of parts of uploads become invalid, and so does a sign-in link that was not used yet.
    A running server needs no restart. Uploads with `grid` continue: they request new URLs. The users' API keys and
    sign-ins stay valid.
    """
    from grid_datastores.cli.service import open_service_here

    with open_service_here() as service:
        service.accounts.rotate_signing_key()
    echo_result(
        "The signing key is replaced. All URLs that were signed before are invalid.",
        "The users' API keys and sign-ins stay valid. To replace the key of a user: grid user key NAME",
    )


def _check_exists(settings: Settings) -> None:
    """Raise a refusal if this machine has no data, because the check would begin some."""
    if not settings.catalog.exists() and not settings.data.is_dir():
        raise Refusal(f"There is nothing to check in {settings.data}. To check another folder, set GRID_DIR.")


def _repair_catalog(settings: Settings) -> bool:
    """Repair the catalog and print what was repaired. Return whether data that it does not have can be erased.

    If the log was wrong, nobody knows what else was deleted or created: the next check says what would be erased.
    """
    from grid_datastores.service.repair import repair_catalog

    added = repair_catalog(settings)
    if added is None:
        return True
    if not added:
        echo("Wrote a new log of the data from the catalog.")
        return False
    echo(f"Brought the catalog up to date: it lacked {added}.")
    for name in added.user_names:
        echo(f"User {name} has no key. To make one: grid user key {name}")
    return True


def _problems(checking: Checking, settings: Settings) -> tuple[str, list[str]]:
    """Return what was checked, as a sentence, and the problems."""
    versions = checking.versions()
    size, problems = sum(version.size_bytes for _user, version in versions), []
    with progress("Checking", size) as advance:
        for user, version in versions:
            if problem := checking.problem(user, version, advance):
                problems.append(str(problem))
    try:
        if lacking := checking.lacking(settings.catalog):
            problems.append(
                f"The catalog lacks {lacking}, which the log of the data has. To add this: grid admin check --repair"
            )
    except Damaged:
        problems.append("The log of the data is damaged. To write a new one: grid admin check --repair")
    if unowned := checking.unowned():
        problems.append(
            f"There is data of {counted(len(unowned), 'version')} that the catalog does not have."
            " To erase it: grid admin check --repair"
        )
    return f"Checked {counted(len(versions), 'version')} with {format_size(size)}.", problems
