"""What the acceptance run is aimed at: by default a server of its own and the `grid` of this environment."""

import os
import shutil
from typing import cast

import pytest

from living_spec.pytest_plugin import excluded

FASTEST_FIRST = ("cli-embedded", "api", "cli", "ui")
OF_A_SERVER = ("api", "cli", "ui")  # cli-embedded would test the software of this machine


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("grid", "what the acceptance run is aimed at")
    group.addoption(
        "--url",
        help="a server that is already running; its user comes from GRID_USER_ID and GRID_API_KEY, a second user"
        " from GRID_OTHER_USER_ID and GRID_OTHER_API_KEY",
    )
    group.addoption("--grid-cli", metavar="PATH", help="another executable that speaks the same commands")
    group.addoption(
        "--one-surface",
        action="store_true",
        help="run each scenario on the fastest surface that it has, and fork all commands from a loaded process",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Refuse a run that could show nothing, before anything starts; choose the surfaces that a server has."""
    grid = cast("str | None", config.getoption("--grid-cli"))
    if grid and shutil.which(grid) is None:
        raise pytest.UsageError(f"--grid-cli: there is no executable {grid}.")
    if config.getoption("--url") and not all(map(os.environ.get, ("GRID_USER_ID", "GRID_API_KEY"))):
        raise pytest.UsageError("--url needs a user of that server: set GRID_USER_ID and GRID_API_KEY.")
    if config.getoption("--url") and not config.getoption("surface") and not config.getoption("issue"):
        config.option.surface = list(OF_A_SERVER)


def pytest_living_spec_obstacle(config: pytest.Config) -> str | None:
    """Look at the server that --url names, if a surface needs it."""
    url = cast("str | None", config.getoption("--url"))
    if not url or config.getoption("surface") == ["cli-embedded"]:
        return None
    from acceptance.look import obstacle

    return obstacle(url)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep each scenario, and each row of its examples, on the fastest of its surfaces, if asked to."""
    if not config.getoption("--one-surface"):
        return
    found: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        if (surface := surface_of(item)) and not excluded(item):
            found.setdefault((item.path.name, item.name.replace(f"[{surface}", "[", 1)), []).append(item)
    fastest = {id(min(same, key=lambda item: FASTEST_FIRST.index(surface_of(item)))) for same in found.values()}
    items[:] = [item for item in items if not surface_of(item) or id(item) in fastest]


def surface_of(item: pytest.Item) -> str:
    """The surface that a test of a scenario runs on; "" for any other test."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("surface_name", "")) if callspec else ""
