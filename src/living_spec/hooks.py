"""The hooks that a project can implement, in a conftest or a plugin."""

from __future__ import annotations

import pytest


@pytest.hookspec(firstresult=True)
def pytest_living_spec_obstacle(config: pytest.Config) -> str | None:
    """Check once, before any test, that the run can begin: for example, that the server accepts the user.

    Return None if it can, or else a sentence that says why not and what to do. The run then ends with the
    exit code `living_spec.beginning.NOT_BEGUN`, and no scenario counts as failed.
    """
