"""The commands that messages tell the user to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grid_datastores.domain.model import Holder, VersionRef, WorkloadKind


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
