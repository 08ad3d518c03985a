"""A service in a folder of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_process import Browser, Terminal
from manual_clock import Clock

from grid_datastores.domain.buckets import ANY_BUCKET
from grid_datastores.domain.model import User
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(tmp_path: Path, clock: Clock) -> Iterator[Service]:
    hosts, buckets = ("127.0.0.1",), (ANY_BUCKET,)
    limits = Limits(quota=2, upload_expiry=clock.expiry, allowed_hosts=hosts, allowed_buckets=buckets)
    settings = Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", limits)
    opened = open_service(settings, lambda: None, clock, lambda: clock.steady, "boot")
    yield opened
    opened.context.catalog.close()


@pytest.fixture
def ana(service: Service) -> User:
    return service.accounts.local("ana")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A person at a terminal, without a server; what commands log ends with the test."""
    root, ours = logging.getLogger(), logging.getLogger("grid_datastores")
    handlers, level = root.handlers[:], ours.level
    home = tmp_path / "ana"
    home.mkdir()
    yield Terminal(home)
    root.handlers[:] = handlers
    ours.setLevel(level)


@pytest.fixture
def browser(service: Service, ana: User) -> Browser:
    """Ana at the pages of a server."""
    return Browser(service, ana)
