"""Types and conversions that all parts of the wire format share."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from grid_datastores.domain.naming import is_id

if TYPE_CHECKING:
    from collections.abc import Callable


class AtMost:
    """Marks a list in a request: how many items it can have. Its validation ends at the first error.

    To describe a million wrong items would keep the server busy for a minute. Clients do not load pydantic, so its own
    marks are not used.
    """

    def __init__(self, items: int) -> None:
        """Set the maximum."""
        self._items = items

    def __get_pydantic_core_schema__(self, source: object, build: Callable[[object], dict[str, Any]]) -> dict[str, Any]:
        """Return the schema of the list for pydantic."""
        return {**build(source), "fail_fast": True, "max_length": self._items}


class ErrorDetail(TypedDict, total=False):
    """The single detail of an error: `reason` is for machines, `message` for people."""

    message: str
    reason: str
    metadata: dict[str, str]


class Error(TypedDict):
    """Every response that is not 2xx. `code` is a google.rpc code."""

    code: int
    message: str
    details: list[ErrorDetail]


class Empty(TypedDict):
    """A successful response without content."""


def id_in(text: str) -> str:
    """Return the id. Raises `ValueError` if it is not valid."""
    if not is_id(text):
        raise ValueError("this is not an id")
    return text


def time_out(at: datetime | None) -> str | None:
    """Format a time as RFC 3339 in UTC."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def time_in(text: str | None) -> datetime | None:
    """Parse an RFC 3339 time. Returns None for an empty text."""
    return datetime.fromisoformat(text) if text else None


def required_time_in(text: str | None) -> datetime:
    """Parse an RFC 3339 time. Raises `ValueError` if it is missing."""
    if not text:
        raise ValueError("a time is missing")
    return datetime.fromisoformat(text)
