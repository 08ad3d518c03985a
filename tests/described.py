"""Whether the description of the API has what the server answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_OF_NO_OPERATION = (404, 405, 413, 421)  # of a path or a method that the API does not have


def check_described(description: Mapping[str, Any], method: str, path: str, status: int) -> None:
    """Fail unless the description of this request's operation has an answer with this status."""
    operation = _operation(description, "get" if method == "HEAD" else method.lower(), path)
    declared = [int(known) for known in operation["responses"]] if operation else _OF_NO_OPERATION
    assert status in declared, f"{method} {path} answered {status}, but the description has only {list(declared)}"


def _operation(description: Mapping[str, Any], method: str, path: str) -> Mapping[str, Any] | None:
    found = [
        operations[method]
        for template, operations in description["paths"].items()
        if method in operations and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
    ]
    return found[-1] if found else None
