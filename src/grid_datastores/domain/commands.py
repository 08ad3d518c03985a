"""The commands that messages tell the user to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grid_datastores.domain.model import Holder, Version, VersionRef, WorkloadKind


def release_command(holder: Holder) -> str:
    """Return the command that ends this holder."""
    return end_command(holder.kind, holder.name)


def end_command(kind: WorkloadKind, name: str) -> str:
    """Return the command that ends the workload of this kind and name."""
    return f"grid session delete {name}" if kind.value == "Session" else f"grid cancel {name}"


def delete_command(ref: VersionRef) -> str:
    """Return the command that deletes this version."""
    return f"grid datastore delete --name {ref.name} --version {ref.number}"


def show_command(ref: VersionRef) -> str:
    """Return the command that shows this version's details."""
    return f"grid datastore show --name {ref.name} --version {ref.number}"


def recreate_hint(version: Version) -> str:
    """Return how to make a version from the same source again, or "" if no command can.

    A browser sends only file names, and another client may send nothing or a relative path.
    """
    from shlex import quote

    from grid_datastores.domain.model import SourceKind

    kind, location = version.source.kind, version.source.location
    known = location.startswith("/") if kind is SourceKind.FILES else bool(location)
    if not known or not location.isprintable():
        return ""
    how = " --no-copy" if kind is SourceKind.REFERENCE else ""
    command = f"grid datastore create {quote(location)} --name {version.ref.name}{how}"
    lost = " If the URL had a part after '?', add it: that part is not stored."
    note = lost if kind is SourceKind.ARCHIVE else ""
    return f"{note} To make a new version from its source, if that still exists: {command}"
