"""Finds steps that return a coroutine or a similar object that was never run: pytest-bdd lets them pass.

A plugin may await the returned object, so only an object that is unfinished after the step is an error.
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
    """A step returned a coroutine or a similar object that was never run."""


class Awaiting:
    """Notes what each step returns, for `check_run`: no hook of pytest-bdd passes it on."""

    def __init__(self) -> None:
        self._steps = cast("Any", import_module("pytest_bdd.scenario"))  # the package has a function of this name
        self._call: Callable[..., object] = getattr(self._steps, _CALL)

    def pytest_configure(self) -> None:
        """Replace the function that calls the steps."""
        setattr(self._steps, _CALL, self._noting)

    def pytest_unconfigure(self) -> None:
        """Restore the function that calls the steps."""
        setattr(self._steps, _CALL, self._call)

    def _noting(
        self, fixturefunc: Callable[..., object], request: pytest.FixtureRequest, kwargs: dict[str, object]
    ) -> object:
        returned = self._call(fixturefunc=fixturefunc, request=request, kwargs=kwargs)
        request.node.stash[_RETURNED] = returned
        return returned


def check_run(item: pytest.Item, step: Callable[..., object]) -> None:
    """Raise NotRunError if the last step returned an object that was never run. `step` is its function.

    A generator that is the fixture of the step is no error: later steps use it.
    """
    returned = item.stash.get(_RETURNED, None)
    item.stash[_RETURNED] = None
    contexts = step_function_context_registry.values()
    what = _unfinished(returned, any(one.target_fixture for one in contexts if one.step_func is step))
    if what is None:
        return
    if inspect.iscoroutine(returned):
        returned.close()  # otherwise Python warns about it later
    raise NotRunError(
        f"The step returned {what} that was never run, so it did nothing."
        " Write the step without async, or load a plugin that awaits the steps."
    )


def _unfinished(returned: object, used: bool) -> str | None:
    """A name for the object if it still has to be run, or None. `used` says whether it becomes a fixture."""
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
