"""Build the error responses of the API, which all have the same form."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from grid_datastores.wire.common import Error

if TYPE_CHECKING:
    from grid_datastores.domain.errors import Refusal


# In OpenAPI: the refusals of each operation, and a body that is no JSON.
REFUSED: dict[int | str, dict[str, Any]] = {
    "default": {"model": Error, "description": "The request was refused. `message` gives the reason."}
}
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
    return json_error(refusal.status, refusal.code, refusal.message, refusal.reason, refusal.metadata)
