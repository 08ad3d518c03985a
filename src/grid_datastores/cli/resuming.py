"""`grid datastore resume` and `clearcache`: resume or discard interrupted uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grid_datastores.cli.output import echo, echo_result
from grid_datastores.cli.progress import progress
from grid_datastores.cli.target import open_datastores
from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.text import counted, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from grid_datastores.domain.model import Version
    from grid_datastores.gateway.protocol import Datastores
    from grid_datastores.machine.upload_journal import InterruptedUploads, Journal


@click.command()
def resume() -> None:
    """Resume the uploads that were interrupted on this machine.

    An interrupted upload continues where it stopped. An interrupted download from a URL or a bucket starts again.
    """
    from grid_datastores.machine.upload_journal import find_interrupted
    from grid_datastores.settings import read_settings

    refusals: list[Refusal] = []
    with open_datastores() as datastores:
        found = find_interrupted(read_settings().directory, datastores.identity)
        fetches = datastores.interrupted_fetches()
        finished: list[str] = []
        try:
            attempted = [_fetch_again(datastores, version, finished, refusals) for version in fetches]
            for journal in found.journals:
                _resume_upload(datastores, journal, finished, refusals)
        finally:  # an interrupted command still reports the uploads that it finished
            code = _echo_finished(finished)
    if not found.journals and not any(attempted):
        echo(f"There is no interrupted upload to resume{_running_note(found)}.")
    _echo_elsewhere(found)
    _raise_refusals(refusals)
    if code:
        raise click.exceptions.Exit(code)


def _echo_finished(finished: Sequence[str]) -> int:
    """Print these sentences. Return the exit code: 3 if stdout fails. Do not raise, because refusals may follow."""
    try:
        if finished:
            echo_result(*finished)
    except click.exceptions.Exit as unprinted:
        return unprinted.exit_code
    return 0


def _fetch_again(datastores: Datastores, version: Version, finished: list[str], refusals: list[Refusal]) -> bool:
    """Download the version's data again. Return False if another process is already downloading it.

    Append to `finished` or, on failure, to `refusals`.
    """
    from grid_datastores.machine import uploads

    try:
        fetched = uploads.resume_fetch(datastores, version)
    except Refusal as error:
        _collect(error, refusals)
        return True
    if fetched:
        finished.append(f"Finished {fetched.ref}.")
    return fetched is not None


def _resume_upload(datastores: Datastores, journal: Journal, finished: list[str], refusals: list[Refusal]) -> None:
    from grid_datastores.machine import uploads

    try:
        with progress(f"Resuming {journal.ref}", journal.size_bytes + journal.stored_bytes) as advance:
            resumed = uploads.resume(datastores, journal, advance)
    except Refusal as error:
        _collect(error, refusals)
        return
    sent = format_size(resumed.version.size_bytes - resumed.skipped_bytes)
    finished.append(f"Finished {journal.ref}: {format_size(resumed.skipped_bytes)} already stored, {sent} sent.")


def _collect(error: Refusal, refusals: list[Refusal]) -> None:
    """Keep the refusal for the end of the command, so that the other uploads continue. Raise it after Ctrl-C."""
    if isinstance(error.__cause__, KeyboardInterrupt):
        raise error
    refusals.append(error)


@click.command()
def clearcache() -> None:
    """Discard interrupted uploads, and remove the files that Runs left on this machine.

    A discarded upload cannot be resumed. The command keeps files that a Run uses, uploads that are still running, and
    uploads to another place or of another user.
    """
    from grid_datastores.machine.mounts import clear_mounts
    from grid_datastores.settings import read_settings

    directory = read_settings().directory
    refusals: list[Refusal] = []
    with open_datastores() as datastores:
        found, discarded = _discard_all(datastores, directory, refusals)
    removed, kept = clear_mounts(directory)
    text = f"Discarded {counted(discarded, 'interrupted upload')}{_running_note(found)}"
    text += f" and removed the files of {counted(removed, 'version')}."
    if kept:
        text += f" Kept the files of {counted(kept, 'version')}, which are in use or cannot be removed."
    echo_result(text)
    _echo_elsewhere(found)
    _raise_refusals(refusals)


def _discard_all(datastores: Datastores, directory: Path, refusals: list[Refusal]) -> tuple[InterruptedUploads, int]:
    """Discard the interrupted uploads. Return them and the number discarded. Append a refusal for the others."""
    from grid_datastores.machine import uploads
    from grid_datastores.machine.upload_journal import InterruptedUploads, count_journals, find_interrupted

    try:
        found = find_interrupted(directory, datastores.identity)
    except Refusal as error:
        refusals.append(_not_discarded(count_journals(directory), error))
        return InterruptedUploads(), 0
    kept = 0
    for journal in found.journals:
        try:
            uploads.discard(datastores, journal)
        except Refusal as error:
            refusals.append(error)
            kept += 1
    if kept:
        refusals[:] = [_not_discarded(kept, *refusals)]
    return found, len(found.journals) - kept


def _not_discarded(count: int, *refusals: Refusal) -> Refusal:
    reasons = " ".join(dict.fromkeys(error.message for error in refusals))
    return Refusal(f"{counted(count, 'interrupted upload')} {_was(count)} not discarded: {reasons}")


def _echo_elsewhere(found: InterruptedUploads) -> None:
    """Print how many uploads this command did not touch, per server or folder that they belong to."""
    places = [journal.place_name for journal in found.elsewhere]
    for place in dict.fromkeys(places):
        count = places.count(place)
        verb = "belongs" if count == 1 else "belong"
        uploads = counted(count, "interrupted upload")
        echo(f"{uploads} {verb} to another place or user and {_was(count)} not touched: {place}")


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _running_note(found: InterruptedUploads) -> str:
    return f" ({counted(found.in_progress, 'upload')} still running)" if found.in_progress else ""


def _raise_refusals(refusals: Sequence[Refusal]) -> None:
    if refusals:
        raise Refusal("\n  ".join(error.message for error in refusals))
