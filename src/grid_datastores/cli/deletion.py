"""`grid datastore delete`: deletes the named versions and no others (rule delete-exactly-one)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from grid_datastores.cli.options import VersionNumber, name_option, output_option, version_ref
from grid_datastores.cli.output import EXIT_UNPRINTED, echo, fallback_to_stderr, print_json, warn
from grid_datastores.cli.target import open_datastores
from grid_datastores.domain.errors import InUse, Refusal
from grid_datastores.domain.text import COPIES, counted, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grid_datastores.domain.model import Quota, Receipt, Version, VersionRef
    from grid_datastores.gateway.protocol import Datastores


class _Result(NamedTuple):
    """The result for one version: a refusal or a receipt. Some servers delete without giving a receipt."""

    ref: VersionRef
    receipt: Receipt | None = None
    refusal: Refusal | None = None


@click.command()
@name_option
@click.option(
    "--version",
    "versions",
    type=VersionNumber(),
    required=True,
    multiple=True,
    help="Number of the version. Repeat the option to delete several versions.",
)
@click.option("--dry-run", is_flag=True, help="Show what would happen, but delete nothing.")
@output_option
def delete(name: str, versions: tuple[int, ...], dry_run: bool, output: str) -> None:
    """Delete the versions that you name, and no others. Deletion is immediate and cannot be undone.

    A version that a Session or Run uses is not deleted; the error names each Session and Run and how to end it. There
    is no prompt.

    With -o json, one version prints an object and several print a list of objects. Each has name, version, deleted
    (true, false, or null if the answer was lost and the result is unknown) and dryRun. A receipt adds id, source,
    sourceType, fileCount, sizeBytes, deletedAt, kept (the newest of the other versions), keptTotal, quotaBefore and
    quotaAfter; a refusal adds reason, message and holders.

    The command prints after all deletions. Exit codes: 0 all deleted; 1 at least one refused; 2 usage error; 3 all
    deleted, but the result could not be printed (see standard error).
    """
    refs = [version_ref(name, number) for number in dict.fromkeys(versions)]
    results: list[_Result] = []
    with open_datastores() as datastores, _erasing_afterwards(datastores):
        try:
            for ref in refs:
                results.append(_delete(datastores, ref, dry_run))
        finally:  # an interrupted command still reports the versions that it deleted
            code = _report(datastores, _combined(results, dry_run), dry_run, output, single=len(refs) == 1)
    _raise_refusals([result.refusal for result in results if result.refusal], len(refs), dry_run)
    if code:
        raise click.exceptions.Exit(code)


@contextmanager
def _erasing_afterwards(datastores: Datastores) -> Iterator[None]:
    """Erase the bytes of the deleted versions after the results are printed, so that the user need not wait."""
    try:
        yield
    finally:
        datastores.erase_deleted()


def _delete(datastores: Datastores, ref: VersionRef, dry_run: bool) -> _Result:
    """Delete the version, or with `dry_run` only ask for the verdict. Return the result."""
    try:
        if not dry_run:
            return _Result(ref, datastores.delete(ref))
        verdict = datastores.verdict(ref)
    except Refusal as error:
        return _Result(ref, refusal=error)
    if verdict.refusal:
        return _Result(ref, refusal=InUse(verdict.refusal))
    return _Result(ref, verdict.receipt)


def _raise_refusals(refusals: Sequence[Refusal], requested: int, dry_run: bool) -> None:
    """Raise the refusal of a single version, or one `Refusal` that counts the deleted versions. Do nothing if none."""
    if not refusals:
        return
    if requested == 1:
        raise refusals[0]
    done = requested - len(refusals)
    verb = "can be deleted" if dry_run else "was deleted" if done == 1 else "were deleted"
    raise Refusal(f"{done} of {counted(requested, 'version')} {verb}.")


def _combined(results: Sequence[_Result], dry_run: bool) -> list[_Result]:
    """Return the results with receipts that take all deletions of this command into account.

    No receipt lists a version as kept that another one deletes. In a dry run the quotas decrease from one receipt to
    the next, as they would in a deletion.
    """
    from dataclasses import replace

    deleted = {result.ref.number for result in results if not result.refusal}
    freed, all_freed = 0, sum(_freed(result.receipt) for result in results)
    combined: list[_Result] = []
    for result in results:
        receipt = result.receipt
        if receipt:
            earlier = freed if dry_run else 0
            freed += _freed(receipt)
            others = all_freed - (_freed(receipt) if dry_run else freed)
            receipt = replace(
                receipt,
                remaining=tuple(version for version in receipt.remaining if version.number not in deleted),
                remaining_total=receipt.remaining_total - others,
                quota_before=_reduced(receipt.quota_before, earlier),
                quota_after=_reduced(receipt.quota_after, earlier),
            )
        combined.append(result._replace(receipt=receipt))
    return combined


def _freed(receipt: Receipt | None) -> int:
    return receipt.quota_before.used - receipt.quota_after.used if receipt else 0


def _reduced(quota: Quota, count: int) -> Quota:
    return quota._replace(used=quota.used - count)


def _report(datastores: Datastores, results: Sequence[_Result], dry_run: bool, output: str, *, single: bool) -> int:
    """Print all results and erase this machine's copies of the deleted versions.

    Return the exit code: `EXIT_UNPRINTED` if versions were deleted and stdout failed, otherwise 0.
    """
    code = 0
    done = [result for result in results if not result.refusal]
    try:
        if dry_run or not done:
            _print(datastores, results, dry_run, output, single=single)
        else:
            with fallback_to_stderr(_summary(done)):
                _print(datastores, results, dry_run, output, single=single)
    except click.exceptions.Exit:
        code = EXIT_UNPRINTED
    if output == "text" and not single:
        for result in results:
            if result.refusal:
                click.echo(f"Error: {result.refusal.message}", err=True)
    if not dry_run:
        _erase_copies(datastores, done)
    return code


def _summary(done: Sequence[_Result]) -> str:
    *most, last = (str(result.ref.number) for result in done)
    numbers = f"versions {', '.join(most)} and {last}" if most else f"version {last}"
    return f"Deleted {numbers} of {done[0].ref.name}."


def _print(datastores: Datastores, results: Sequence[_Result], dry_run: bool, output: str, *, single: bool) -> None:
    if output == "json":
        items = [_json(datastores, result, dry_run) for result in results]
        if items:
            print_json(items[0] if single else items)
        return
    for result in results:
        if not result.refusal:
            _print_result(result, dry_run)


def _print_result(result: _Result, dry_run: bool) -> None:
    ref, receipt = result.ref, result.receipt
    if receipt is None:
        echo(f"Deleted {ref}. This cannot be undone. The server gave no receipt.")
        return
    if dry_run:
        echo(f"V{str(ref)[1:]} can be deleted: {content_text(receipt)}. Nothing was deleted.")
        echo(f"Deleting it would keep {_kept_text(receipt)}.")
        return
    before, after = receipt.quota_before, receipt.quota_after
    echo(f"Deleted {ref}: {content_text(receipt)}. This cannot be undone.")
    echo(f"Kept {_kept_text(receipt)}.")
    echo(f"You have {after.used} of {after.limit} versions now, {before.used} before.")
    if receipt.may_have_copies:
        echo(COPIES)


def _erase_copies(datastores: Datastores, done: Sequence[_Result]) -> None:
    """Erase the copies that Runs made on this machine. If that fails, warn: the deletion itself is done."""
    for result in done:
        if not _erase_copy(datastores, result):
            warn(
                f"this machine's copy of {result.ref} is in use by a Run, or cannot be removed."
                " It is erased when the Run ends, or by a later grid command."
            )


def _erase_copy(datastores: Datastores, result: _Result) -> bool:
    """Return whether this machine has no copy left. Without a receipt, the copy is found by name and number."""
    from grid_datastores.machine.leftovers import erase_copies
    from grid_datastores.machine.mounts import unmount
    from grid_datastores.settings import read_settings

    directory = read_settings().directory
    if result.receipt:
        return unmount(directory, result.receipt.id)
    try:
        return erase_copies(directory, datastores, result.ref)
    except Refusal:  # the server cannot say which version it was; the next command asks again
        return False


def _json(datastores: Datastores, result: _Result, dry_run: bool) -> dict[str, object]:
    from grid_datastores.wire.datastores import receipt_out

    ref, receipt, refusal = result.ref, result.receipt, result.refusal
    item: dict[str, object] = {"name": ref.name, "version": ref.number, "deleted": not dry_run, "dryRun": dry_run}
    if receipt:
        item |= {**receipt_out(receipt)}
        return item | {"deletedAt": None} if dry_run else item
    if refusal:
        holders = _holders(datastores, ref) if isinstance(refusal, InUse) else []
        item |= {"deleted": None if refusal.doubt else False, "reason": refusal.reason, "message": refusal.message}
        item["holders"] = holders
    return item


def _holders(datastores: Datastores, ref: VersionRef) -> list[object]:
    """Return the version's current holders, or an empty list if the server does not list them."""
    from grid_datastores.wire.datastores import holder_out

    try:
        return [holder_out(holder) for holder in datastores.details(ref).holders]
    except Refusal:
        return []


def content_text(receipt: Receipt | Version) -> str:
    content = f"{counted(receipt.file_count, 'file')}, {format_size(receipt.size_bytes)}"
    if receipt.source.kind.value == "reference":
        return f"a reference to {content} in {receipt.source.location}, which stay there"
    return content


def _kept_text(receipt: Receipt) -> str:
    if not receipt.remaining_total:
        return f"no other version of {receipt.ref.name}"
    versions = ", ".join(
        f"{version.number} ({version.fingerprint[:8] or 'not finished'})" for version in receipt.remaining
    )
    if receipt.remaining_total > len(receipt.remaining):
        newest = f", among them {versions}" if versions else ""
        return f"{counted(receipt.remaining_total, 'version')} of {receipt.ref.name}{newest}"
    return f"{'version' if len(receipt.remaining) == 1 else 'versions'} {versions} of {receipt.ref.name}"
