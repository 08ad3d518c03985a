"""A user of a server reads only the buckets that its operator allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from grid_datastores.domain.buckets import parse_allowed_bucket
from grid_datastores.domain.errors import InvalidInput, SourceFailed
from grid_datastores.domain.model import Phase, Source, SourceKind
from grid_datastores.gateway.embedded import open_embedded
from grid_datastores.service import open_service
from grid_datastores.settings import Limits, Settings, read_settings
from grid_datastores.sources.addresses import check_bucket

if TYPE_CHECKING:
    from pathlib import Path

    from grid_datastores.service import Service


def _allowed(entries: str, user: str, location: str) -> bool:
    allowed = [found for entry in entries.split(",") if (found := parse_allowed_bucket(entry))]
    try:
        check_bucket(location, user, allowed)
    except SourceFailed:
        return False
    return True


@pytest.mark.proves("operator-allows-buckets")
@pytest.mark.parametrize(
    ("entries", "location", "allowed"),
    [
        ("birds", "s3://birds", True),
        ("birds", "s3://birds/2026/", True),
        ("birds", "s3://birds2", False),
        ("birds", "s3://my-birds", False),
        ("b.rds", "s3://birds", False),
        ("public-*", "s3://public-birds/x", True),
        ("public-*", "s3://private-birds", False),
        ("*", "s3://admin-finance/q3", True),
        ("birds/2026", "s3://birds/2026", True),
        ("birds/2026/", "s3://birds/2026/x/", True),
        ("birds/2026", "s3://birds/2026x", False),
        ("birds/2026", "s3://birds", False),
        ("birds/2026", "s3://birds/2025", False),
        ("birds/*", "s3://birds/2026", False),
        ("ana:birds", "s3://birds", True),
        ("bea:birds", "s3://birds", False),
        ("bea:birds,public-*,ana:b*/x", "s3://birds/x", True),
    ],
)
def test_an_entry_allows_a_bucket_a_folder_of_it_or_a_user(entries: str, location: str, allowed: bool) -> None:
    assert _allowed(entries, "ana", location) == allowed


@pytest.mark.parametrize(
    "entry",
    [
        *("s3://birds", "Birds", "a b", ":birds", "birds:", "ana:/x", "/x"),
        *("birds//", "birds/x//", "birds//x", "birds/*", "*:birds", "Ana:birds"),  # would allow all, or nothing
    ],
)
def test_an_entry_of_another_form_is_refused(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    monkeypatch.setenv("GRID_ALLOW_SOURCE_BUCKETS", f"public-*,{entry}")
    with pytest.raises(InvalidInput, match=r"^GRID_ALLOW_SOURCE_BUCKETS has '.*', which is not .*with commas"):
        read_settings()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A server whose operator allows one bucket to Ana; the S3 that it knows refuses connections."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GRID_DIR", str(tmp_path))
    monkeypatch.setenv("GRID_ALLOW_SOURCE_BUCKETS", "ana:birds")
    return open_service(read_settings(), lambda: None)


KINDS = [SourceKind.BUCKET, SourceKind.REFERENCE]


@pytest.mark.proves("operator-allows-buckets", "refused-source-takes-no-number")
@pytest.mark.parametrize("kind", KINDS)
def test_a_bucket_that_the_user_may_not_read_is_refused_before_it_takes_a_number(
    server: Service, kind: SourceKind
) -> None:
    bea, _ = server.accounts.add("bea")
    with pytest.raises(SourceFailed, match="is not an allowed source"):
        server.uploads.begin(bea, "data", Source(kind, "s3://birds/2026"))
    assert server.uploads.begin(bea, "data", Source(SourceKind.FILES, "a")).ref.number == 1
    server.close()


@pytest.mark.proves("operator-allows-buckets")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("allowed", "said"), [("ana:birds", "cannot be reached"), ("", "is not an allowed source")])
def test_a_server_asks_for_no_bucket_that_the_user_may_not_read_any_more(
    server: Service, monkeypatch: pytest.MonkeyPatch, kind: SourceKind, allowed: str, said: str
) -> None:
    ana, _ = server.accounts.add("ana")
    version = server.uploads.fetch(ana, "data", Source(kind, "s3://birds/2026"))
    server.close()
    monkeypatch.setenv("GRID_ALLOW_SOURCE_BUCKETS", allowed)
    later = open_service(read_settings(), lambda: None)
    later.finishing.finish_waiting()
    failed = later.reading.get(ana, version.id)
    assert (failed.phase, said in failed.message) == (Phase.FAILED, True), failed.message
    later.close()


@pytest.mark.proves("without-a-server-every-bucket")
def test_without_a_server_every_bucket_is_allowed(tmp_path: Path) -> None:
    embedded = open_embedded(Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits()))
    check_bucket("s3://admin-finance/q3", "ana", embedded._service.context.limits.allowed_buckets)
    embedded.close()
