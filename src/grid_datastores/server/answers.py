"""The one form of every error of the API."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from grid_datastores.domain.errors import Refusal
    from grid_datastores.wire.common import Error


def json_error(status: int, code: int, message: str, reason: str, metadata: dict[str, str]) -> JSONResponse:
    """Exactly one detail with the message: the stock client shows that one to its user."""
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
    """What the API says of a refusal."""
    return json_error(refusal.status, refusal.code, refusal.message, refusal.reason, refusal.metadata)
