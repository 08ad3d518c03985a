"""How a defect is told: a function that puts it into the implementation, while the process runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Defect:
    """One way to get it wrong, and the rule that has to notice: on all its surfaces, or on those named."""

    id: str
    rule: str
    what: str
    apply: Callable[[], None]
    surfaces: tuple[str, ...] = ()


CATALOGUE: list[Defect] = []
SERVED = ("api", "cli", "ui")  # where there is a server
WITHOUT_PAGES = ("api", "cli", "cli-embedded")  # what has another form on the web UI, where it has one


def defect(rule: str, what: str, *surfaces: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a defect under its function's name."""

    def register(apply: Callable[[], None]) -> Callable[[], None]:
        CATALOGUE.append(Defect(apply.__name__.replace("_", "-"), rule, what, apply, surfaces))
        return apply

    return register


def put(owner: Any, name: str, value: Any) -> None:
    """Replace something of the implementation, which has to be there."""
    getattr(owner, name)
    setattr(owner, name, value)


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a function by what `make` makes of it."""
    put(owner, name, make(getattr(owner, name)))


def replace_route(router: Any, name: str, endpoint: Any) -> None:
    """Answer a request to the router in another way."""
    route = next(route for route in router.routes if route.name == name)
    router.routes.remove(route)
    path = route.path.removeprefix(router.prefix)
    router.add_api_route(path, endpoint, methods=list(route.methods))
