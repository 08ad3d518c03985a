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
    answers: list[object] = []
    refusals: list[Refusal] = []
    with open_datastores() as datastores:
        for number in dict.fromkeys(versions):
            try:
                answers.append(_delete(datastores, version_ref(name, number), dry_run, output))
            except Refusal as error:
                refusals.append(error)
                if len(versions) > 1 and output == "text":
                    click.echo(f"Error: {error.message}", err=True)
    if output == "json" and answers:
        print_json(answers if len(versions) > 1 else answers[0])
    if not refusals:
        return
    if len(versions) == 1 or output == "json":
        raise refusals[0]
    done = len(answers)
    raise Refusal(f"{done} of {counted(done + len(refusals), 'version')} could be deleted; each stands for itself.")


def _delete(datastores: Datastores, ref: VersionRef, dry_run: bool, output: str) -> object:
    from grid_datastores.mounting import unmount
    from grid_datastores.settings import read_settings

    if dry_run:
        verdict = datastores.verdict(ref)
        if verdict.refusal:
            raise Refusal(verdict.refusal)
        receipt = verdict.receipt
    else:
        given = datastores.delete(ref)
        if given is None:
            if output == "text":
                click.echo(f"Deleted {ref}. This cannot be undone. The server gives no receipt.")
            return {"name": ref.name, "version": ref.number}
        receipt = given
        if not unmount(read_settings().directory, receipt.id):
            _warn_of_files(ref)
    if output == "json":
        from grid_datastores.wire.datastores import receipt_out

        return receipt_out(receipt)
    gone = _gone(receipt)
    before, after = receipt.quota_before, receipt.quota_after
    if dry_run:
        click.echo(f"V{str(ref)[1:]} can be deleted: {gone}. Nothing was deleted.")
        click.echo(f"It would keep {_kept(receipt)}.")
    else:
        click.echo(f"Deleted {ref}: {gone}. This cannot be undone.")
        click.echo(f"Kept {_kept(receipt)}.")
        click.echo(f"You have {after.used} of {after.limit} versions now, {before.used} before.")
    return receipt


def _warn_of_files(ref: VersionRef) -> None:
    """The version is deleted all the same; these are copies, or links that lead nowhere now."""
    click.echo(
        f"Warning: the files that a Run has of {ref} on this machine are in use or cannot be removed."
        " Remove them later with: grid datastore clearcache",
        err=True,
    )


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
