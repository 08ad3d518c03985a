"""The command that a deleted version's refusal offers makes the same kind of version again, or none is offered."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import pytest

from grid_datastores.cli.datastore import create
from grid_datastores.domain.errors import AlreadyDeleted
from grid_datastores.domain.model import Phase, Source, SourceKind, Version, VersionRef

AT = datetime(2026, 1, 2, tzinfo=UTC)
OFFER = " To make a new version from its source, if that still exists: "


def _said(kind: SourceKind, location: str) -> str:
    ref = VersionRef("data", 3)
    version = Version("id", "ana", ref, Source(kind, location), Phase.DELETED, AT, deleted_at=AT, deleted_by="ana")
    return AlreadyDeleted.of(version).message


@pytest.mark.proves("answer-ends-with-create-command")
@pytest.mark.parametrize(
    ("kind", "location", "options"),
    [
        (SourceKind.FILES, "/home/ana/my data", {}),
        (SourceKind.FILES, '/home/ana/it\'s "$HOME"; `x`/数据', {}),
        (SourceKind.ARCHIVE, "https://example.com/a&b.zip", {}),
        (SourceKind.BUCKET, "s3://birds/2025 spring?", {}),
        (SourceKind.REFERENCE, "s3://birds/2025", {"no_copy": True}),
    ],
)
def test_the_command_makes_the_same_kind_of_version(kind: SourceKind, location: str, options: dict[str, bool]) -> None:
    _before, offer, command = _said(kind, location).partition(OFFER)
    assert offer
    *grid, verb = shlex.split(command)[:3]
    assert (grid, verb) == (["grid", "datastore"], "create")
    with create.make_context("create", shlex.split(command)[3:]) as typed:
        assert typed.params == {"source": location, "name": "data", "no_copy": False, "output": "text"} | options


@pytest.mark.proves("no-create-command-for-browser-files")
@pytest.mark.parametrize(
    ("kind", "location"),
    [
        (SourceKind.FILES, "a.csv, b.csv and 3 more"),  # as a browser tells it
        (SourceKind.FILES, "folder"),
        (SourceKind.FILES, "../data"),
        (SourceKind.FILES, r"C:\data"),
        (SourceKind.FILES, ""),
        (SourceKind.FILES, "/home/ana/\x1b[2Jdata"),  # a command that is shown with escapes names another folder
        (SourceKind.BUCKET, ""),
    ],
)
def test_where_no_command_can_make_it_none_is_offered(kind: SourceKind, location: str) -> None:
    assert _said(kind, location) == (
        "Version 3 of data was already deleted on 2026-01-02 00:00:00 UTC by ana. It was not deleted again."
    )


def test_what_is_not_kept_of_an_address_is_told() -> None:
    note = "If the URL had a part after '?', add it: that part is not stored."
    assert note in _said(SourceKind.ARCHIVE, "https://example.com/data.zip")
    assert note not in _said(SourceKind.BUCKET, "s3://birds")
