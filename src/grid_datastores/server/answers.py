"""Build the error responses of the API, which all have the same form."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from grid_datastores.domain.errors import CatalogFailed, Damaged, HostRefused, InternalError, InvalidInput, NoSpace
from grid_datastores.server.shown import shown
from grid_datastores.wire.common import Error

if TYPE_CHECKING:
    from grid_datastores.domain.errors import Refusal

_RULES = re.compile(r" \(rules? [^)]*\)")  # in a docstring


def refused(*kinds: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """Return the responses for these refusals, in OpenAPI."""
    told: dict[int | str, list[str]] = {}
    for kind in kinds:
        first_line = (kind.__doc__ or "").partition("\n")[0]
        told.setdefault(kind.status, []).append(_RULES.sub("", first_line))
    return {status: {"model": Error, "description": " ".join(lines)} for status, lines in told.items()}


# In OpenAPI: the refusals of every operation, and a body that is no JSON.
REFUSED = refused(InvalidInput, HostRefused, InternalError, Damaged, CatalogFailed, NoSpace)
BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def json_error(status: int, code: int, message: str, reason: str, metadata: dict[str, str]) -> JSONResponse:
    """Return an error response. It has exactly one detail, which Grid's own client shows to its user."""
    body: Error = {
        "code": code,
        "message": message,
        "details": [{"message": message, "reason": reason, "metadata": metadata}],
    }
    headers = {"WWW-Authenticate": 'Basic realm="Grid"'} if status == HTTPStatus.UNAUTHORIZED else {}
    if "retryAfter" in metadata:
        headers["Retry-After"] = metadata["retryAfter"]
    return JSONResponse(body, status, headers)


def json_refusal(refusal: Refusal) -> JSONResponse:
    """Return the API's response for a refusal."""
    return json_error(refusal.status, refusal.code, shown(refusal), refusal.reason, refusal.metadata)
