"""`grid admin`: look after the data on this machine, without a server or with one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import output_option
from grid_datastores.cli.output import echo, echo_result, print_json
from grid_datastores.cli.progress import progress
from grid_datastores.domain.errors import Damaged, Refusal
from grid_datastores.domain.text import counted, format_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from grid_datastores.domain.model import User, Version
    from grid_datastores.service.checking import Checking, Problem
    from grid_datastores.settings import Settings

_MAX_LISTED = 100  # problems in a message


@click.group()
def admin() -> None:
    """Look after the data of the server on this machine, or of this machine without a server."""


@admin.command()
@click.option("--repair", is_flag=True, help="Bring an older catalog up to date, and erase data that no version owns.")
@output_option
def check(repair: bool, output: str) -> None:
    """Check that the catalog belongs to the data and that every stored file is what was uploaded.

    It reads all data of this machine, even if you are signed in to a server. A server can run meanwhile, but not while
    --repair brings an older catalog up to date: it has been replaced by a backup.

    With -o json, it prints versions and sizeBytes: what was checked; repairs: sentences; and problems, each with
    message and, for a version, user, name and version.
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
    repairs: list[str] = []
    say = repairs.append if output == "json" else echo
    can_erase = repair and _repair_catalog(settings, say)
    with closing(open_service(settings, wake_workers=lambda: None)) as service:
        checking = Checking(service.context)
        if can_erase and (count := checking.erase_unowned()):
            say(f"Erased the data of {counted(count, 'version')} that the catalog does not have.")
        versions = checking.versions()
        problems: list[Problem | str] = [*_damaged(checking, versions), *_other_problems(checking, settings)]
    if output == "json":
        print_json(_json(versions, repairs, problems))
    _report(versions, problems, output)


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


def _repair_catalog(settings: Settings, say: Callable[[str], object]) -> bool:
    """Repair the catalog and say what was repaired. Return whether data that it does not have can be erased.

    If the log was wrong, nobody knows what else was deleted or created: the next check says what would be erased.
    """
    from grid_datastores.service.repair import repair_catalog

    added = repair_catalog(settings)
    if added is None:
        return True
    if not added:
        say("Wrote a new log of the data from the catalog.")
        return False
    say(f"Brought the catalog up to date: it lacked {added}.")
    for name in added.user_names:
        say(f"User {name} has no key. To make one: grid user key {name}")
    return True


def _damaged(checking: Checking, versions: Sequence[tuple[User, Version]]) -> Iterator[Problem]:
    """Yield what is wrong with the files of each version."""
    with progress("Checking", _size(versions)) as advance:
        for user, version in versions:
            if problem := checking.problem(user, version, advance):
                yield problem


def _other_problems(checking: Checking, settings: Settings) -> Iterator[str]:
    """Yield what the catalog lacks and what it does not have."""
    try:
        if lacking := checking.lacking(settings.catalog):
            yield f"The catalog lacks {lacking}, which the log of the data has. To add this: grid admin check --repair"
    except Damaged:
        yield "The log of the data is damaged. To write a new one: grid admin check --repair"
    if unowned := checking.unowned():
        yield (
            f"There is data of {counted(len(unowned), 'version')} that the catalog does not have."
            " To erase it: grid admin check --repair"
        )


def _report(versions: Sequence[tuple[User, Version]], problems: Sequence[Problem | str], output: str) -> None:
    """Raise a refusal if there are problems, which JSON has listed already. Otherwise say that there are none."""
    checked = f"Checked {counted(len(versions), 'version')} with {format_size(_size(versions))}."
    if not problems:
        if output != "json":
            echo_result(f"{checked} No problem found.")
        return
    found = f"{checked} {counted(len(problems), 'problem')} found"
    if output == "json":
        raise Refusal(f"{found}.")
    more = [f"and {len(problems) - _MAX_LISTED} more"] if len(problems) > _MAX_LISTED else []
    raise Refusal("\n  ".join([f"{found}:", *map(str, problems[:_MAX_LISTED]), *more]))


def _json(
    versions: Sequence[tuple[User, Version]], repairs: Sequence[str], problems: Sequence[Problem | str]
) -> dict[str, object]:
    listed = [{"message": each} if isinstance(each, str) else _problem_json(each) for each in problems]
    return {"versions": len(versions), "sizeBytes": _size(versions), "repairs": repairs, "problems": listed}


def _problem_json(problem: Problem) -> dict[str, object]:
    ref = problem.version.ref
    return {"user": problem.user.name, "name": ref.name, "version": ref.number, "message": problem.what}


def _size(versions: Sequence[tuple[User, Version]]) -> int:
    return sum(version.size_bytes for _user, version in versions)
