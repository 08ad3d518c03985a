"""`grid datastore`: list, create, show, download and delete versions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from grid_datastores.cli.options import (
    DatastoreName,
    NewFolder,
    OnceOption,
    SourceLocation,
    name_option,
    output_option,
    pass_output_on,
    version_option,
    version_ref,
)
from grid_datastores.cli.output import (
    echo_result,
    fallback_to_stderr,
    format_time,
    print_json,
    print_json_list,
    print_rows,
    print_table,
)
from grid_datastores.cli.progress import progress, waiting
from grid_datastores.cli.resuming import clearcache, resume
from grid_datastores.cli.tables import Column
from grid_datastores.cli.target import open_datastores
from grid_datastores.domain.text import counted, escape_control, format_size

if TYPE_CHECKING:
    from grid_datastores.domain.model import Details, FileEntry, Source, Version

_VERSION_COLUMNS = ["NAME", "VERSION", "PHASE", "FILES", "SIZE", "CREATED", "SOURCE"]
# Fixed widths, so that rows are printed as they arrive. PATH is the last column and may be wider.
_FILE_COLUMNS = [Column("BYTES", 15, right=True), Column("SHA-256", 12), Column("PATH", 1024)]


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def datastore(ctx: click.Context, output: str) -> None:
    """Work with datastores. Without a command, list your versions."""
    if ctx.invoked_subcommand is None:
        _list(output)
    else:
        pass_output_on(ctx, output)


for command in (resume, clearcache):
    datastore.add_command(command)


@datastore.command("list")
@output_option
def list_command(output: str) -> None:
    """List your versions, sorted by name and number."""
    _list(output)


@datastore.command()
@click.argument("source", type=SourceLocation())
@click.option(
    "--name",
    cls=OnceOption,
    type=DatastoreName(),
    help="Name of the datastore. Default: a name made from SOURCE.",
)
@click.option("--no-copy", is_flag=True, help="Refer to the objects in a bucket instead of copying them.")
@output_option
def create(source: str, name: str | None, no_copy: bool, output: str) -> None:
    """Create a new version from SOURCE.

    SOURCE is one of: a file or a folder; an http(s) URL of a .zip or .tar.gz, which is downloaded and extracted; an
    s3://bucket/prefix or the key of one object, whose objects are copied.

    Each upload under a name creates a new version: 1, 2, 3, and so on. A failed upload stores nothing. To resume an
    interrupted upload, use `grid datastore resume`.
    """
    from grid_datastores.domain.model import SourceKind
    from grid_datastores.domain.naming import name_from_source
    from grid_datastores.sources import parse_source

    parsed = parse_source(source, no_copy)
    local = parsed.kind is SourceKind.FILES
    default_name = _name_from_path if local else name_from_source
    chosen_name = default_name(source) if name is None else name
    version = _upload(source, chosen_name) if local else _fetch(parsed, chosen_name)
    done = f"Created version {version.ref.number} of {version.ref.name}: {_content_text(version)}."
    if output == "text":
        echo_result(done)
        return
    from grid_datastores.wire.datastores import version_out

    with fallback_to_stderr(done):
        print_json(version_out(version, ""))


def _name_from_path(source: str) -> str:
    """Return the name made from the typed path. Links are followed only if it ends in '.' or '..'."""
    from pathlib import Path

    from grid_datastores.domain.naming import name_from_folder, name_from_source

    typed = source.rstrip("/").rsplit("/", 1)[-1] not in ("", ".", "..")
    path = source if typed else os.path.realpath(source)
    return name_from_folder(path) if Path(source).is_dir() else name_from_source(path)


def _upload(source: str, name: str) -> Version:
    from pathlib import Path

    from grid_datastores.domain.rules import check_source_location
    from grid_datastores.gateway.credentials import credentials_file
    from grid_datastores.machine import uploads
    from grid_datastores.settings import read_settings
    from grid_datastores.sources import scan

    settings = read_settings()
    if source:
        # `realpath`, because `Path.resolve` raises on a loop of links, which `scan` reports better.
        own = (settings.data, settings.catalog, credentials_file(settings))
        folder, directory, *protected = (Path(os.path.realpath(path)) for path in (source, settings.directory, *own))
        check_source_location(folder, directory, protected)
    data = scan(source)
    with open_datastores() as datastores, progress(f"Creating {name}", data.size_bytes) as advance:
        return uploads.create(datastores, settings.directory, name, data, advance)


def _fetch(source: Source, name: str) -> Version:
    from grid_datastores.machine import uploads

    with open_datastores() as datastores, waiting(f"Downloading {source.location}"):
        return uploads.fetch(datastores, name, source)


@datastore.command()
@name_option
@version_option
@output_option
def show(name: str, version: int, output: str) -> None:
    """Show the details of a version: its source, size, users and history. This works for deleted versions too."""
    with open_datastores() as datastores:
        details = datastores.details(version_ref(name, version))
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
    """List the files of a version with their sizes in bytes."""
    with open_datastores() as datastores:
        found = datastores.files(datastores.find(version_ref(name, version)))
        if output == "json":
            print_json_list(map(_file_out, found))
        else:
            print_rows(_FILE_COLUMNS, ([str(file.size), file.sha256[:12], file.path] for file in found))


def _file_out(file: FileEntry) -> dict[str, object]:
    from grid_datastores.wire.common import time_out

    return {
        "path": file.path,
        "size": file.size,
        "sha256": file.sha256,
        "executable": file.executable,
        "modified": time_out(file.modified_at),
    }


@datastore.command()
@name_option
@version_option
@click.option(
    "--to",
    "destination",
    cls=OnceOption,
    type=NewFolder(),
    help="New folder for the files. Default: NAME-VERSION.",
)
def download(name: str, version: int, destination: str | None) -> None:
    """Download a version's files into a new folder, and verify their checksums."""
    from pathlib import Path

    from grid_datastores.machine import uploads
    from grid_datastores.settings import read_settings

    ref = version_ref(name, version)
    target = Path(destination or f"{name}-{version}")
    with open_datastores() as datastores:
        total = datastores.find(ref).size_bytes
        with progress(f"Downloading {ref}", total) as advance:
            found = uploads.download(datastores, read_settings().directory, ref, target, advance)
    echo_result(f"Downloaded version {version} of {name} to {target}: {_content_text(found)}.")


def _content_text(version: Version) -> str:
    return f"{counted(version.file_count, 'file')}, {format_size(version.size_bytes)}"


def _list(output: str) -> None:
    with open_datastores() as datastores:
        versions = datastores.versions()
        if output == "json":
            from grid_datastores.wire.datastores import version_out

            print_json_list(version_out(version, "") for version in versions)
        elif not print_table(_VERSION_COLUMNS, map(_version_row, versions)):
            click.echo("You have no versions. Create one with: grid datastore create FOLDER --name NAME")


def _version_row(version: Version) -> list[str]:
    return [
        version.ref.name,
        str(version.ref.number),
        version.phase.value,
        str(version.file_count),
        format_size(version.size_bytes),
        version.created_at.date().isoformat(),
        version.source.location or "-",
    ]


def _print_details(details: Details) -> None:
    version = details.version
    lines = [
        ("Name", version.ref.name),
        ("Version", str(version.ref.number)),
        ("Phase", version.phase.value + (f": {version.message}" if version.message else "")),
        ("Source", f"{version.source.location or 'unknown'} ({version.source.kind.how})"),
        ("Files", str(version.file_count)),
        ("Size", f"{format_size(version.size_bytes)} ({version.size_bytes} bytes)"),
        ("Fingerprint", version.fingerprint or "-"),
        ("Created", format_time(version.created_at)),
        ("Last used", f"{format_time(version.last_used_at)} {version.last_used_by}".strip()),
    ]
    if version.deleted_at:
        lines.append(("Deleted", f"{format_time(version.deleted_at)}{version.deletion_suffix}"))
        lines.append(("Bytes gone", format_time(version.bytes_gone_at)))
    for holder in details.holders:
        lines.append(("In use by", f"{holder.kind} {holder.name} ({holder.state} since {format_time(holder.since)})"))
    for label, text in lines:
        click.echo(f"{label + ':':<13}{escape_control(text)}")
    click.echo("History:")
    for event in details.history:
        actor = f" by {event.actor}" if event.actor else ""
        message = f": {event.message}" if event.message else ""
        click.echo(f"  {format_time(event.at)}  {event.kind}{actor}{escape_control(message)}")
