"""A service in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from manual_clock import Clock

from grid_datastores.domain.model import User
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits(quota=2, upload_expiry=clock.expiry))
    opened = open_service(settings, lambda: None, clock, lambda: clock.steady, "boot")
    yield opened
    opened.context.catalog.close()


@pytest.fixture
def ana(service: Service) -> User:
    return service.accounts.local("ana")
