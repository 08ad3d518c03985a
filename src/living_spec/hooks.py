"""The hooks that a project can implement, in a conftest or a plugin."""

from __future__ import annotations

import pytest


@pytest.hookspec(firstresult=True)
def pytest_living_spec_obstacle(config: pytest.Config) -> str | None:
    """Look once, before anything runs, whether the run can begin: whether its server answers and knows the user.

    Return one sentence that says why it cannot, and what to do; None where it can. The run then ends with the exit code
    `living_spec.beginning.NOT_BEGUN` before a scenario runs, so that no scenario counts as failed.
    """
