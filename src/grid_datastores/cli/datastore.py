"""`grid datastore`: list, create, look into, download and delete versions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import VersionNumber, name_option, output_option, version_option
from grid_datastores.cli.output import counted, kept, plain, print_json, print_table, progress, size, when
from grid_datastores.cli.target import open_datastores
from grid_datastores.errors import Refusal

if TYPE_CHECKING:
    from grid_datastores.datastores import Datastores
    from grid_datastores.model import Details, VersionRef


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def datastore(ctx: click.Context, output: str) -> None:
    """Work with datastores. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        _list(output)


@datastore.command("list")
@output_option
def list_command(output: str) -> None:
    """List your versions, by name and number."""
    _list(output)


@datastore.command()
@click.argument("source")
@click.option("--name", help="Name of the datastore; made from the source when left out.")
@output_option
def create(source: str, name: str | None, output: str) -> None:
    """Make a new version from SOURCE, a file or a folder.

    Every upload under a name makes a new version: 1, 2, 3, and so on. Nothing of an upload that fails is kept.
    """
    from grid_datastores.rules import check_name, name_from_source
    from grid_datastores.sources import scan

    wanted = name_from_source(os.path.realpath(source)) if name is None else check_name(name)
    data = scan(source)
    with open_datastores() as datastores, progress(f"Creating {wanted}", data.size_bytes) as advance:
        version = datastores.create(wanted, data, advance)
    if output == "json":
        from grid_datastores.wire.datastores import version_out

        print_json(version_out(version, ""))
        return
    held = f"{counted(version.file_count, 'file')}, {size(version.size_bytes)}"
    click.echo(f"Created version {version.ref.number} of {version.ref.name}: {held}.")


@datastore.command()
@name_option
@version_option
@output_option
def show(name: str, version: int, output: str) -> None:
    """Show all that is known of a version: its source, size, who uses it, what happened to it."""
    with open_datastores() as datastores:
        details = datastores.details(_ref(name, version))
    if output == "json":
        from grid_datastores.wire.datastores import details_out

        print_json(details_out(details, ""))
        return
    _print_details(details)


@datastore.command()
@name_option
@version_option
@output_option
def files(name: str, version: int, output: str) -> None:
    """List the files of a version, with their sizes in bytes."""
    with open_datastores() as datastores:
        found = datastores.files(_ref(name, version))
    if output == "json":
        print_json([{"path": file.path, "size": file.size, "sha256": file.sha256} for file in found])
        return
    print_table(["PATH", "BYTES", "SHA-256"], [[file.path, str(file.size), file.sha256[:12]] for file in found])


@datastore.command()
@name_option
@version_option
@click.option(
    "--to", "destination", type=click.Path(path_type=Path), help="Folder to make; NAME-VERSION when left out."
)
def download(name: str, version: int, destination: Path | None) -> None:
    """Download a version's files into a new folder, checked byte for byte."""
    ref = _ref(name, version)
    target = destination or Path(f"{name}-{version}")
    with open_datastores() as datastores:
        total = datastores.details(ref).version.size_bytes
        with progress(f"Downloading {ref}", total) as advance:
            found = datastores.download(ref, target, advance)
    held = f"{counted(found.file_count, 'file')}, {size(found.size_bytes)}"
    click.echo(f"Downloaded version {version} of {name} to {target}: {held}.")


@datastore.command()
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
                answers.append(_delete(datastores, _ref(name, number), dry_run, output))
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
    if dry_run:
        verdict = datastores.verdict(ref)
        if verdict.refusal:
            raise Refusal(verdict.refusal)
        receipt = verdict.receipt
    else:
        receipt = datastores.delete(ref)
    if output == "json":
        from grid_datastores.wire.datastores import receipt_out

        return receipt_out(receipt)
    gone = f"{counted(receipt.file_count, 'file')}, {size(receipt.size_bytes)}"
    before, after = receipt.quota_before, receipt.quota_after
    if dry_run:
        click.echo(f"V{str(ref)[1:]} can be deleted: {gone}. It would keep {kept(receipt)}. Nothing was deleted.")
    else:
        click.echo(f"Deleted {ref}: {gone}. This cannot be undone.")
        click.echo(f"Kept {kept(receipt)}. You have {after.used} of {after.limit} versions (before: {before.used}).")
    return receipt


def _list(output: str) -> None:
    with open_datastores() as datastores:
        versions = datastores.versions()
    if output == "json":
        from grid_datastores.wire.datastores import version_out

        print_json([version_out(version, "") for version in versions])
        return
    if not versions:
        click.echo("You have no versions. Make one with: grid datastore create FOLDER --name NAME")
        return
    print_table(
        ["NAME", "VERSION", "PHASE", "FILES", "SIZE", "CREATED", "SOURCE"],
        [
            [
                version.ref.name,
                str(version.ref.number),
                version.phase.value,
                str(version.file_count),
                size(version.size_bytes),
                when(version.created_at),
                version.source.location or "-",
            ]
            for version in versions
        ],
    )


def _print_details(details: Details) -> None:
    version = details.version
    lines = [
        ("Name", version.ref.name),
        ("Version", str(version.ref.number)),
        ("Phase", version.phase.value + (f": {version.message}" if version.message else "")),
        ("Source", f"{version.source.location or 'not told'} ({version.source.kind})"),
        ("Files", str(version.file_count)),
        ("Size", f"{size(version.size_bytes)} ({version.size_bytes} bytes)"),
        ("Fingerprint", version.fingerprint or "-"),
        ("Created", when(version.created_at)),
        ("Last used", f"{when(version.last_used_at)} {version.last_used_by}".strip()),
    ]
    if version.deleted_at:
        lines.append(("Deleted", f"{when(version.deleted_at)} by {version.deleted_by}"))
        lines.append(("Bytes gone", when(version.bytes_gone_at)))
    for holder in details.holders:
        lines.append(("In use by", f"{holder.kind} {holder.name} ({holder.state} since {when(holder.since)})"))
    for label, text in lines:
        click.echo(f"{label + ':':<13}{plain(text)}")
    click.echo("History:")
    for event in details.history:
        who = f" by {event.actor}" if event.actor else ""
        what = f": {event.message}" if event.message else ""
        click.echo(f"  {when(event.at)}  {event.kind}{who}{plain(what)}")


def _ref(name: str, number: int) -> VersionRef:
    from grid_datastores.model import VersionRef

    return VersionRef(name, number)
