"""What a defect is: changes at public seams of the implementation, made while its process starts.

A seam is a public function, method or attribute, named by the place of its definition: "MODULE:NAME" or
"MODULE:CLASS.NAME". Whatever a module does behind its public names can be rewritten, and its defects stay as they are.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

SERVED = ("api", "cli", "ui")  # where there is a server
WITHOUT_PAGES = ("api", "cli", "cli-embedded")  # for what has another form on the web UI
PACKAGE = "grid_datastores"

Make = Callable[[Any], Any]
Setter = Callable[[Any, str, Any], None]


@dataclass(frozen=True)
class Change:
    """The seam gets what `make` makes of the original."""

    seam: str
    make: Make

    @property
    def original(self) -> Any:
        """What the seam is in the implementation; raises AttributeError or ImportError where it does not exist."""
        return resolve_name(self.seam)

    @property
    def owner(self) -> Any:
        """The module, class or object that has the seam as an attribute."""
        module, _, path = self.seam.partition(":")
        return resolve_name(f"{module}:{path.rpartition('.')[0]}")

    def apply(self, set_: Setter = setattr) -> None:
        """Make the change. A module's function is replaced in every module that has imported it."""
        owner, original, made = self.owner, self.original, self.make(self.original)
        set_(owner, self.seam.rpartition(":")[2].rpartition(".")[2], made)
        for module in _loaded_modules() if isinstance(owner, ModuleType) else ():
            for name, value in list(vars(module).items()):
                if value is original:
                    set_(module, name, made)


@dataclass(frozen=True)
class RouteChange(Change):
    """The same for the endpoint of a route, which the router of its module keeps."""

    def apply(self, set_: Setter = setattr) -> None:
        """Answer the route's requests by the new endpoint."""
        from fastapi import APIRouter  # here, as most commands start without it

        endpoint = self.original
        routes = self.owner.router.routes
        [position] = [number for number, route in enumerate(routes) if route.endpoint is endpoint]
        made = APIRouter(route_class=type(routes[position]))
        made.add_api_route(routes[position].path, self.make(endpoint), methods=list(routes[position].methods))
        set_(self.owner.router, "routes", [*routes[:position], *made.routes, *routes[position + 1 :]])


@dataclass(frozen=True)
class Defect:
    """One way to break a rule. Its scenarios have to notice on all surfaces, or on those named here."""

    id: str
    rule: str
    what: str
    changes: Callable[[], Iterable[Change]]
    surfaces: tuple[str, ...] = ()

    def apply(self, set_: Setter = setattr) -> None:
        """Break the implementation in this process."""
        for change in list(self.changes()):
            change.apply(set_)


CATALOGUE: list[Defect] = []


def defect(
    rule: str, what: str, *surfaces: str
) -> Callable[[Callable[[], Iterable[Change]]], Callable[[], Iterable[Change]]]:
    """Register a defect under the name of its function, which returns the changes."""

    def register(changes: Callable[[], Iterable[Change]]) -> Callable[[], Iterable[Change]]:
        CATALOGUE.append(Defect(changes.__name__.replace("_", "-"), rule, what, changes, surfaces))
        return changes

    return register


def put(seam: str, value: Any) -> Change:
    """The seam becomes this value."""
    return Change(seam, lambda original: value)


def wrap(seam: str, make: Make) -> Change:
    """The function becomes what `make` makes of it."""
    return Change(seam, make)


def expose(class_: str, argument: str) -> Change:
    """Instances of the class have this argument of their constructor as a public attribute."""

    def remembering(original: Any) -> Any:
        @wraps(original)
        def construct(self: Any, *arguments: Any, **named: Any) -> None:
            original(self, *arguments, **named)
            given = inspect.signature(original).bind(self, *arguments, **named).arguments
            setattr(self, argument, given[argument])

        return construct

    return Change(f"{class_}.__init__", remembering)


def route(seam: str, make: Make) -> Change:
    """The endpoint becomes what `make` makes of it; it takes what the original takes, as keyword arguments."""

    def like(original: Any) -> Any:
        made = make(original)
        made.__signature__ = inspect.signature(original, eval_str=True)
        return made

    return RouteChange(seam, like)


def _loaded_modules() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.split(".")[0] == PACKAGE]
