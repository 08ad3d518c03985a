"""What the HTTP API answers, told apart from what a server that broke answers."""

from __future__ import annotations

import json
from typing import Any

import httpx

from acceptance.surfaces import Crashed


class _Answer(dict[str, Any]):
    """An object of an answer; what it lacks is missing from the software."""

    def __missing__(self, key: str) -> Any:
        raise AssertionError(f"The answer has no {key}: {self}")


def parsed(text: str) -> Any:
    """The JSON of an answer."""
    try:
        return json.loads(text, object_hook=_Answer)
    except ValueError as error:
        raise AssertionError(f"The answer is not JSON: {text[:500]!r}") from error


def whole(answer: httpx.Response) -> httpx.Response:
    """The answer, which is not that of a server that broke."""
    if answer.is_server_error and _reason(answer) in ("", "INTERNAL"):
        raise Crashed(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}")
    return answer


def _reason(answer: httpx.Response) -> str:
    """The name that a refusal has; a server that broke gives none of its own."""
    try:
        return str(answer.json()["details"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""
