"""`grid datastore delete`: exactly the versions that are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import VersionNumber, name_option, output_option, version_ref
from grid_datastores.cli.output import print_json
from grid_datastores.cli.target import open_datastores
from grid_datastores.errors import Refusal
from grid_datastores.words import counted, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grid_datastores.datastores import Datastores
    from grid_datastores.model import Receipt, VersionRef


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
    """
    answers: list[Mapping[str, object]] = []
    refusals: list[Refusal] = []
    alone = len(versions) == 1
    with open_datastores() as datastores:
        try:
            for number in dict.fromkeys(versions):
                ref = version_ref(name, number)
                try:
                    answers.append(_delete(datastores, ref, dry_run, output))
                except Refusal as error:
                    refusals.append(error)
                    answers.append({"name": name, "version": number, "refusal": error.message})
                    if not alone and output == "text":
                        click.echo(f"Error: {error.message}", err=True)
        finally:  # also when the rest is interrupted: what is deleted is told
            if output == "json" and not (alone and refusals):
                print_json(answers[0] if alone and answers else answers)
    if refusals and alone:
        raise refusals[0]
    if refusals:
        done = len(answers) - len(refusals)
        raise Refusal(f"{done} of {counted(len(answers), 'version')} could be deleted; each stands for itself.")


def _delete(datastores: Datastores, ref: VersionRef, dry_run: bool, output: str) -> Mapping[str, object]:
    """Delete it, or only ask, and say so; what JSON tells of it."""
    if dry_run:
        verdict = datastores.verdict(ref)
        if verdict.refusal:
            raise Refusal(verdict.refusal)
        if output == "text":
            click.echo(f"V{str(ref)[1:]} can be deleted: {_gone(verdict.receipt)}. Nothing was deleted.")
            click.echo(f"It would keep {_kept(verdict.receipt)}.")
        return _json(verdict.receipt) | {"dryRun": True, "deletedAt": None}
    receipt = datastores.delete(ref)
    if output == "text":
        _tell(ref, receipt)
    if receipt is None:
        return {"name": ref.name, "version": ref.number}
    _forget_mount(receipt)
    return _json(receipt)


def _tell(ref: VersionRef, receipt: Receipt | None) -> None:
    if receipt is None:
        click.echo(f"Deleted {ref}. This cannot be undone. The server gives no receipt.")
        return
    before, after = receipt.quota_before, receipt.quota_after
    click.echo(f"Deleted {ref}: {_gone(receipt)}. This cannot be undone.")
    click.echo(f"Kept {_kept(receipt)}.")
    click.echo(f"You have {after.used} of {after.limit} versions now, {before.used} before.")


def _forget_mount(receipt: Receipt) -> None:
    """Remove what Runs on this machine have left of it; the deletion is done, whatever becomes of that."""
    from grid_datastores.mounting import unmount
    from grid_datastores.settings import read_settings

    if not unmount(read_settings().directory, receipt.id):
        click.echo(
            f"Warning: the files that a Run has of {receipt.ref} on this machine are in use or cannot be removed."
            " Remove them later with: grid datastore clearcache",
            err=True,
        )


def _json(receipt: Receipt) -> dict[str, object]:
    from grid_datastores.wire.datastores import receipt_out

    return {**receipt_out(receipt)}


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
