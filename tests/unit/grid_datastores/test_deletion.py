"""What a refused deletion leaves behind, and where a version can be mounted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grid_datastores.domain.errors import AlreadyDeleted, InUse, InvalidInput
from grid_datastores.domain.model import EventKind, Source, SourceKind, User, Version, WorkloadKind
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    opened = open_service(Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits()), lambda: None)
    yield opened
    opened.context.catalog.close()


@pytest.fixture
def ana(service: Service) -> User:
    return service.accounts.local("ana")


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    return service.uploads.publish(ana, begun.id, Manifest.of([]))


@pytest.mark.proves("refused-deletion-in-history")
def test_a_refused_deletion_is_told_briefly_in_the_history(service: Service, ana: User, version: Version) -> None:
    for kind, name in ((WorkloadKind.SESSION, "tuning"), (WorkloadKind.RUN, "nightly")):
        service.workloads.start(ana, kind, name, {version.id: ""})
    with pytest.raises(InUse):
        service.deletion.delete(ana, version.id)
    *_, refused = service.reading.details(ana, version.id).history
    assert (refused.kind, refused.message) == (EventKind.REFUSED, "in use by Session tuning, Run nightly")


def test_a_deleted_version_is_told_to_who_would_mount_it(service: Service, ana: User, version: Version) -> None:
    service.deletion.delete(ana, version.id)
    with pytest.raises(AlreadyDeleted, match=r"was already deleted on .* by ana"):
        service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {version.id: ""})


def test_no_workload_mounts_a_version_at_a_path_that_is_none(service: Service, ana: User, version: Version) -> None:
    with pytest.raises(InvalidInput, match="is not a valid mount path"):
        service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {version.id: "../../etc"})
    assert list(service.workloads.list(ana, WorkloadKind.SESSION)) == []
