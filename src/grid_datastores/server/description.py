"""Completes the OpenAPI description: the refusals that follow from the form of an operation, each stated once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grid_datastores.domain.errors import CatalogFailed, NotFound, NotSignedIn, TooLarge, TooManyAttempts
from grid_datastores.server.answers import refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grid_datastores.domain.errors import Refusal

_REFUSALS = "400"  # and higher statuses
_FASTAPI_REFUSAL = "422"  # FastAPI's own answer to a malformed request, in whose place this server answers 400
_FASTAPI_SCHEMAS = ("HTTPValidationError", "ValidationError")
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
_HEADERS = {
    str(NotSignedIn.status): "WWW-Authenticate",
    str(TooManyAttempts.status): "Retry-After",
    str(CatalogFailed.status): "Retry-After",
}


def with_all_refusals(description: dict[str, Any]) -> dict[str, Any]:
    """Return FastAPI's description with every refusal of each operation, sorted by status."""
    names: dict[tuple[str, str], str] = {}
    for path, operations in description["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            texts = {status: responses.pop(status)["description"] for status in [*responses] if status >= _REFUSALS}
            texts.pop(_FASTAPI_REFUSAL, None)
            for status, response in refused(*_kinds(path, operation)).items():
                texts[str(status)] = _joined(texts.get(str(status), ""), response["description"])
            for status, text in sorted(texts.items()):
                name = names.setdefault((status, text), _new_name(names.values(), status))
                responses[status] = {"$ref": f"#/components/responses/{name}"}
    components = description["components"]
    components["responses"] = {name: _response(*refusal) for refusal, name in names.items()}
    for schema in _FASTAPI_SCHEMAS:
        components["schemas"].pop(schema, None)
    return description


def _kinds(path: str, operation: dict[str, Any]) -> Iterator[type[Refusal]]:
    if operation.get("security"):
        yield from (NotSignedIn, TooManyAttempts)
    if "{" in path:
        yield NotFound
    if "requestBody" in operation:
        yield TooLarge


def _joined(text: str, more: str) -> str:
    return text if more in text else f"{text} {more}".strip()


def _new_name(names: Iterable[str], status: str) -> str:
    """Return the first name that is free for a refusal with this status: Refused409, Refused409-2, …"""
    taken = sum(name.startswith(f"Refused{status}") for name in names)
    return f"Refused{status}-{taken + 1}" if taken else f"Refused{status}"


def _response(status: str, text: str) -> dict[str, Any]:
    header = _HEADERS.get(status)
    headers = {"headers": {header: {"schema": {"type": "string"}}}} if header else {}
    return {"description": text, **headers, "content": _ERROR}
