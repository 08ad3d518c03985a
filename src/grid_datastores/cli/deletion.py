"""`grid datastore delete`: exactly the versions that are named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import VersionNumber, name_option, output_option, version_ref
from grid_datastores.cli.output import UNPRINTED, print_json, say, told, warn
from grid_datastores.cli.target import open_datastores
from grid_datastores.domain.errors import InUse, Refusal
from grid_datastores.domain.text import COPIES, counted, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grid_datastores.domain.model import Quota, Receipt, VersionRef
    from grid_datastores.gateway.protocol import Datastores


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of one version: a refusal, or a receipt, which not every server gives."""

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
    help="Number of the version; repeat it to delete several, each with its own verdict.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen; delete nothing.")
@output_option
def delete(name: str, versions: tuple[int, ...], dry_run: bool, output: str) -> None:
    """Delete exactly the versions that are named. This is immediate and cannot be undone.

    It is refused while a Session or Run uses the version, and the refusal names who. There is no prompt.

    With -o json a version is an object, several are a list of them. Each has name, version, deleted (true, false, or
    null where a lost answer leaves it unknown) and dryRun. With the receipt come id, source, sourceType, fileCount,
    sizeBytes, deletedAt, kept, quotaBefore and quotaAfter; with a refusal reason, message and holders.

    All is deleted first and printed then. Exit codes: 0 done; 1 one or more were refused; 2 usage; 3 all were deleted,
    but that could not be printed, as standard error says.
    """
    refs = [version_ref(name, number) for number in dict.fromkeys(versions)]
    answers: list[_Answer] = []
    with open_datastores() as datastores:
        try:
            for ref in refs:
                answers.append(_answer(datastores, ref, dry_run))
        finally:  # also when the rest is interrupted: what is deleted is told
            code = _tell(datastores, _together(answers, dry_run), dry_run, output, alone=len(refs) == 1)
    _refuse([answer.refusal for answer in answers if answer.refusal], len(refs), dry_run)
    if code:
        raise click.exceptions.Exit(code)


def _answer(datastores: Datastores, ref: VersionRef, dry_run: bool) -> _Answer:
    """Delete it, or only ask."""
    try:
        if not dry_run:
            return _Answer(ref, datastores.delete(ref))
        verdict = datastores.verdict(ref)
    except Refusal as error:
        return _Answer(ref, refusal=error)
    if verdict.refusal:
        return _Answer(ref, refusal=InUse(verdict.refusal))
    return _Answer(ref, verdict.receipt)


def _refuse(refusals: Sequence[Refusal], asked: int, dry_run: bool) -> None:
    """End with what was refused, if anything."""
    if not refusals:
        return
    if asked == 1:
        raise refusals[0]
    done = asked - len(refusals)
    what = "can be deleted" if dry_run else "was deleted" if done == 1 else "were deleted"
    raise Refusal(f"{done} of {counted(asked, 'version')} {what}; each stands for itself.")


def _together(answers: Sequence[_Answer], dry_run: bool) -> list[_Answer]:
    """The receipts when all of them count: none keeps what another takes, asked for or done."""
    gone = {answer.ref.number for answer in answers if not answer.refusal}
    freed = 0
    adjusted: list[_Answer] = []
    for answer in answers:
        receipt = answer.receipt
        if receipt:
            earlier = freed if dry_run else 0
            freed += receipt.quota_before.used - receipt.quota_after.used
            receipt = replace(
                receipt,
                kept=tuple(version for version in receipt.kept if version.number not in gone),
                quota_before=_less(receipt.quota_before, earlier),
                quota_after=_less(receipt.quota_after, earlier),
            )
        adjusted.append(replace(answer, receipt=receipt))
    return adjusted


def _less(quota: Quota, places: int) -> Quota:
    return replace(quota, used=quota.used - places)


def _tell(datastores: Datastores, answers: Sequence[_Answer], dry_run: bool, output: str, *, alone: bool) -> int:
    """Print all answers; an exit code other than 0 where that failed and something is deleted."""
    code = 0
    done = [answer for answer in answers if not answer.refusal]
    try:
        if dry_run or not done:
            _print(datastores, answers, dry_run, output, alone=alone)
        else:
            with told(_summary(done)):
                _print(datastores, answers, dry_run, output, alone=alone)
    except click.exceptions.Exit:
        code = UNPRINTED
    if output == "text" and not alone:
        for answer in answers:
            if answer.refusal:
                click.echo(f"Error: {answer.refusal.message}", err=True)
    if not dry_run:
        _erase_copies(datastores, done)
    return code


def _summary(done: Sequence[_Answer]) -> str:
    *most, last = (str(answer.ref.number) for answer in done)
    numbers = f"versions {', '.join(most)} and {last}" if most else f"version {last}"
    return f"Deleted {numbers} of {done[0].ref.name}."


def _print(datastores: Datastores, answers: Sequence[_Answer], dry_run: bool, output: str, *, alone: bool) -> None:
    if output == "json":
        items = [_json(datastores, answer, dry_run) for answer in answers]
        if items:
            print_json(items[0] if alone else items)
        return
    for answer in answers:
        if not answer.refusal:
            _print_answer(answer, dry_run)


def _print_answer(answer: _Answer, dry_run: bool) -> None:
    ref, receipt = answer.ref, answer.receipt
    if receipt is None:
        say(f"Deleted {ref}. This cannot be undone. The server gives no receipt.")
        return
    if dry_run:
        say(f"V{str(ref)[1:]} can be deleted: {_gone(receipt)}. Nothing was deleted.")
        say(f"It would keep {_kept(receipt)}.")
        return
    before, after = receipt.quota_before, receipt.quota_after
    say(f"Deleted {ref}: {_gone(receipt)}. This cannot be undone.")
    say(f"Kept {_kept(receipt)}.")
    say(f"You have {after.used} of {after.limit} versions now, {before.used} before.")
    if receipt.may_have_copies:
        say(COPIES)


def _erase_copies(datastores: Datastores, done: Sequence[_Answer]) -> None:
    """Erase the copies that Runs made on this machine; the deletion is done, whatever becomes of that."""
    for answer in done:
        if not _erase_copy(datastores, answer):
            warn(
                f"the files that a Run has of {answer.ref} on this machine are in use or cannot be removed."
                " They are erased when that Run ends, or by the next grid command that can."
            )


def _erase_copy(datastores: Datastores, answer: _Answer) -> bool:
    """Whether no copy is left on this machine. Without a receipt, it is known by its name and number."""
    from grid_datastores.machine.leftovers import erase_copies
    from grid_datastores.machine.mounts import unmount
    from grid_datastores.settings import read_settings

    directory = read_settings().directory
    if answer.receipt:
        return unmount(directory, answer.receipt.id)
    try:
        return erase_copies(directory, datastores, answer.ref)
    except Refusal:  # the place does not say which one it is; the next command asks again
        return False


def _json(datastores: Datastores, answer: _Answer, dry_run: bool) -> dict[str, object]:
    from grid_datastores.wire.datastores import receipt_out

    ref, receipt, refusal = answer.ref, answer.receipt, answer.refusal
    told: dict[str, object] = {"name": ref.name, "version": ref.number, "deleted": not dry_run, "dryRun": dry_run}
    if receipt:
        told |= {**receipt_out(receipt)}
        return told | {"deletedAt": None} if dry_run else told
    if refusal:
        holders = _holders(datastores, ref) if isinstance(refusal, InUse) else []
        told |= {"deleted": None if refusal.doubt else False, "reason": refusal.reason, "message": refusal.message}
        told["holders"] = holders
    return told


def _holders(datastores: Datastores, ref: VersionRef) -> list[object]:
    """Who uses the version now; none where the server does not tell."""
    from grid_datastores.wire.datastores import holder_out

    try:
        return [holder_out(holder) for holder in datastores.details(ref).holders]
    except Refusal:
        return []


def _gone(receipt: Receipt) -> str:
    held = f"{counted(receipt.file_count, 'file')}, {size(receipt.size_bytes)}"
    if receipt.source.kind.value == "reference":
        return f"a reference to {held} in {receipt.source.location}, which stay there"
    return held


def _kept(receipt: Receipt) -> str:
    if not receipt.kept:
        return f"no other version of {receipt.ref.name}"
    versions = ", ".join(f"{version.number} ({version.fingerprint[:8] or 'not finished'})" for version in receipt.kept)
    return f"{'version' if len(receipt.kept) == 1 else 'versions'} {versions} of {receipt.ref.name}"
