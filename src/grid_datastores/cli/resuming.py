"""`grid datastore resume` and `clearcache`: resume or discard interrupted uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grid_datastores.cli.output import progress, say, say_done
from grid_datastores.cli.target import open_datastores
from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.text import counted, size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from grid_datastores.domain.model import Version
    from grid_datastores.gateway.protocol import Datastores
    from grid_datastores.machine.upload_journal import InterruptedUploads, Journal


@click.command()
def resume() -> None:
    """Go on with the uploads that were interrupted on this machine, where they stopped.

    What was to be fetched without a server is fetched again.
    """
    from grid_datastores.machine.upload_journal import find_interrupted
    from grid_datastores.settings import read_settings

    refusals: list[Refusal] = []
    with open_datastores() as datastores:
        found = find_interrupted(read_settings().directory, datastores.identity)
        fetches = datastores.interrupted_fetches()
        finished: list[str] = []
        try:
            tried = [_fetch_again(datastores, version, finished, refusals) for version in fetches]
            for journal in found.journals:
                _go_on(datastores, journal, finished, refusals)
        finally:  # also when the rest is interrupted
            code = _print_done(finished)
    if not found.journals and not any(tried):
        say(f"There is no interrupted upload to go on with{_under_way(found)}.")
    _say_elsewhere(found)
    _refuse(refusals)
    if code:
        raise click.exceptions.Exit(code)


def _print_done(finished: Sequence[str]) -> int:
    """Print these sentences; the exit code 3 where stdout takes nothing, which hides no refusal that follows."""
    try:
        if finished:
            say_done(*finished)
    except click.exceptions.Exit as unprinted:
        return unprinted.exit_code
    return 0


def _fetch_again(datastores: Datastores, version: Version, finished: list[str], refusals: list[Refusal]) -> bool:
    """Whether it came to an end here, be it a failure; False where another process is fetching it."""
    from grid_datastores.machine import uploads

    try:
        fetched = uploads.resume_fetch(datastores, version)
    except Refusal as error:
        _note(error, refusals)
        return True
    if fetched:
        finished.append(f"Finished {fetched.ref}.")
    return fetched is not None


def _go_on(datastores: Datastores, journal: Journal, finished: list[str], refusals: list[Refusal]) -> None:
    from grid_datastores.machine import uploads

    try:
        with progress(f"Resuming {journal.ref}", journal.size_bytes + journal.stored_bytes) as advance:
            resumed = uploads.resume(datastores, journal, advance)
    except Refusal as error:
        _note(error, refusals)
        return
    sent = size(resumed.version.size_bytes - resumed.skipped_bytes)
    finished.append(f"Finished {journal.ref}: {size(resumed.skipped_bytes)} were there already, {sent} were sent.")


def _note(error: Refusal, refusals: list[Refusal]) -> None:
    """The other uploads can go on all the same, unless the command was interrupted."""
    if isinstance(error.__cause__, KeyboardInterrupt):
        raise error
    refusals.append(error)


@click.command()
def clearcache() -> None:
    """Forget interrupted uploads, which cannot go on then, and remove the files that Runs left on this machine.

    What a Run uses is left, and so are uploads that are under way, and those to another place or of another user.
    """
    from grid_datastores.machine.mounts import clear_mounts
    from grid_datastores.settings import read_settings

    directory = read_settings().directory
    refusals: list[Refusal] = []
    with open_datastores() as datastores:
        found, forgotten = _forget_all(datastores, directory, refusals)
    removed, left = clear_mounts(directory)
    said = f"Forgot {counted(forgotten, 'interrupted upload')}{_under_way(found)}"
    said += f", removed the files of {counted(removed, 'version')}."
    if left:
        said += f" Left the files of {counted(left, 'version')}, which are in use or cannot be removed."
    say_done(said)
    _say_elsewhere(found)
    _refuse(refusals)


def _forget_all(datastores: Datastores, directory: Path, refusals: list[Refusal]) -> tuple[InterruptedUploads, int]:
    """The uploads that were interrupted, and how many are forgotten now; what keeps the others goes to `refusals`."""
    from grid_datastores.machine import uploads
    from grid_datastores.machine.upload_journal import InterruptedUploads, count_journals, find_interrupted

    try:
        found = find_interrupted(directory, datastores.identity)
    except Refusal as error:
        refusals.append(_left(count_journals(directory), error))
        return InterruptedUploads(), 0
    kept = 0
    for journal in found.journals:
        try:
            uploads.discard(datastores, journal)
        except Refusal as error:
            refusals.append(error)
            kept += 1
    if kept:
        refusals[:] = [_left(kept, *refusals)]
    return found, len(found.journals) - kept


def _left(count: int, *refusals: Refusal) -> Refusal:
    why = " ".join(dict.fromkeys(error.message for error in refusals))
    return Refusal(f"{counted(count, 'interrupted upload')} {'is' if count == 1 else 'are'} left: {why}")


def _say_elsewhere(found: InterruptedUploads) -> None:
    """Count the uploads that this command has nothing to do with, by their places."""
    places = [journal.place_name for journal in found.elsewhere]
    for words in dict.fromkeys(places):
        count = places.count(words)
        verb = "is" if count == 1 else "are"
        say(f"{counted(count, 'interrupted upload')} to another place or of another user {verb} left: {words}")


def _under_way(found: InterruptedUploads) -> str:
    return f" ({counted(found.in_progress, 'upload')} under way)" if found.in_progress else ""


def _refuse(refusals: Sequence[Refusal]) -> None:
    if refusals:
        raise Refusal("\n  ".join(error.message for error in refusals))
