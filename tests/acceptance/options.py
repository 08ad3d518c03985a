"""What the acceptance run is aimed at: by default a server of its own and the `grid` of this environment."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("grid", "what the acceptance run is aimed at")
    group.addoption(
        "--url",
        help="a server that is already running; its user comes from GRID_USER_ID and GRID_API_KEY, a second user"
        " from GRID_OTHER_USER_ID and GRID_OTHER_API_KEY",
    )
    group.addoption("--grid-cli", metavar="PATH", help="another executable that speaks the same commands")
