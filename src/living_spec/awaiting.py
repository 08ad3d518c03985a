"""Steps that return a coroutine, or the like, which nothing has run: pytest-bdd lets them pass.

A plugin that awaits what the steps return may be there, so only what is still unfinished after the step is an error.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import pytest
from pytest_bdd.steps import step_function_context_registry

if TYPE_CHECKING:
    from collections.abc import Callable

_RETURNED = pytest.StashKey[object]()
_CALL = "call_fixture_func"


class NotRunError(Exception):
    """What a step returned was never run."""


class Awaiting:
    """Notes what each step returns, for `check_run`: no hook of pytest-bdd tells it."""

    def __init__(self) -> None:
        self._steps = cast("Any", import_module("pytest_bdd.scenario"))  # the package has a function of this name
        self._call: Callable[..., object] = getattr(self._steps, _CALL)

    def pytest_configure(self) -> None:
        """Take the place of the function that calls the steps."""
        setattr(self._steps, _CALL, self._noting)

    def pytest_unconfigure(self) -> None:
        """Put the function back."""
        setattr(self._steps, _CALL, self._call)

    def _noting(
        self, fixturefunc: Callable[..., object], request: pytest.FixtureRequest, kwargs: dict[str, object]
    ) -> object:
        returned = self._call(fixturefunc=fixturefunc, request=request, kwargs=kwargs)
        request.node.stash[_RETURNED] = returned
        return returned


def check_run(item: pytest.Item, step: Callable[..., object]) -> None:
    """Raise NotRunError where the last step, of this function, returned what had to be run and was not.

    A generator that the step gives as a fixture is left to the steps that use it.
    """
    returned = item.stash.get(_RETURNED, None)
    item.stash[_RETURNED] = None
    contexts = step_function_context_registry.values()
    what = _unfinished(returned, any(one.target_fixture for one in contexts if one.step_func is step))
    if what is None:
        return
    if inspect.iscoroutine(returned):
        returned.close()  # else Python warns of it somewhere else
    raise NotRunError(
        f"The step returned {what} that nothing has run, so it did nothing."
        " Write the step without async, or load a plugin that awaits the steps."
    )


def _unfinished(returned: object, used: bool) -> str | None:
    """What has to be run still, in words; None for any other value, and for what has ended."""
    if inspect.iscoroutine(returned):
        return None if inspect.getcoroutinestate(returned) == inspect.CORO_CLOSED else "a coroutine"
    if inspect.isasyncgen(returned):
        return None if returned.ag_frame is None else "an asynchronous generator"
    if inspect.isgenerator(returned):
        return None if used or inspect.getgeneratorstate(returned) != inspect.GEN_CREATED else "a generator"
    if isinstance(returned, Awaitable):
        done = getattr(returned, "done", None)
        return None if callable(done) and done() else "an awaitable"
    return None
