"""What all parts of the wire share."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from grid_datastores.domain.naming import is_id


class ErrorDetail(TypedDict, total=False):
    """The one detail of an error; `reason` is for machines, `message` for people."""

    message: str
    reason: str
    metadata: dict[str, str]


class Error(TypedDict):
    """Every answer that is not 2xx; `code` is a google.rpc code."""

    code: int
    message: str
    details: list[ErrorDetail]


class Empty(TypedDict):
    """Done; there is nothing to say."""


def id_in(text: str) -> str:
    """An id; raises ValueError for what can be none."""
    if not is_id(text):
        raise ValueError("this is no id")
    return text


def time_out(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def time_in(text: str | None) -> datetime | None:
    """A time from RFC 3339."""
    return datetime.fromisoformat(text) if text else None


def moment_in(text: str | None) -> datetime:
    """A time that must be there; raises ValueError when it is not."""
    if not text:
        raise ValueError("a time is missing")
    return datetime.fromisoformat(text)
