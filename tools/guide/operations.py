"""All requests of the HTTP API, from the server's own OpenAPI description."""

from __future__ import annotations

import os
import re
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from grid_datastores.server.app import create_app
from grid_datastores.service import open_service
from grid_datastores.settings import read_settings

_METHODS = ("get", "post", "put", "patch", "delete")


def openapi() -> dict[str, Any]:
    """The description that the server gives at /openapi.json."""
    with TemporaryDirectory() as folder, patch.dict(os.environ, {"GRID_DIR": folder}):
        os.environ.pop("GRID_DATABASE_URL", None)
        settings = read_settings()
        Path(folder).mkdir(exist_ok=True)
        service = open_service(settings, wake_workers=lambda: None)
        try:
            return create_app(service).openapi()
        finally:
            service.context.catalog.close()


def write() -> str:
    """A section each, under the headings of their tags."""
    described = openapi()
    found = [
        (operation.get("tags", ["other"])[0], method.upper(), path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    ]
    order = list(dict.fromkeys(tag for tag, *_ in found))
    found.sort(key=lambda one: order.index(one[0]))
    parts = []
    for tag, operations in groupby(found, key=lambda one: one[0]):
        parts.append(f"## {tag.capitalize()}\n")
        parts += [_operation(method, path, operation, described) for _, method, path, operation in operations]
    return "\n".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any], described: dict[str, Any]) -> str:
    anchor = re.sub(r"[^a-z0-9]+", "-", f"{method} {path}".lower()).strip("-")
    lines = [f"### `{method} {path}` {{ #{anchor} }}", "", _plain(operation.get("description", "")), ""]
    parameters = [one for one in operation.get("parameters", []) if one["in"] != "header"]
    if parameters:
        lines += ["| Parameter | In | Type | When left out |", "| --- | --- | --- | --- |"]
        lines += [_parameter(one) for one in parameters] + [""]
    body = operation.get("requestBody", {}).get("content", {})
    for media, content in body.items():
        lines += [f"**Body** (`{media}`): {_fields(content.get('schema', {}), described)}", ""]
    answers = operation.get("responses", {})
    for status, answer in answers.items():
        if status < "400":
            lines += [f"**Answer** {status}: {_answer(answer, described)}", ""]
    lines += [f"**Refusals**: {', '.join(status for status in answers if status >= '400')}", ""]
    return "\n".join(lines)


def _answer(answer: dict[str, Any], described: dict[str, Any]) -> str:
    """The fields of a JSON body, or the type of another one, and the headers."""
    content = answer.get("content", {})
    json = content.get("application/json", {})
    other = ", ".join(f"`{media}`" for media in content if media != "application/json")
    headers = ", ".join(f"`{name}`" for name in answer.get("headers", {}))
    return other or (f"the header {headers}" if headers else _fields(json.get("schema", {}), described))


def _parameter(one: dict[str, Any]) -> str:
    schema = one.get("schema", {})
    left_out = f"`{schema['default']!r}`" if "default" in schema and not one.get("required") else ""
    return f"| `{one['name']}` | {one['in']} | {schema.get('type', 'text')} | {left_out} |"


def _fields(schema: dict[str, Any], described: dict[str, Any]) -> str:
    """The fields of an object, by name and type; the name of the type for anything else."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        found = described["components"]["schemas"][name]
        fields = found.get("properties", {})
        listed = ", ".join(f"`{field}` ({_type(value)})" for field, value in fields.items())
        return listed or "an empty object"
    return _type(schema) if schema else "nothing"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))


def _plain(text: str) -> str:
    return re.sub(r" \(rules? [^)]*\)| Enforces [a-z, -]+\.", "", " ".join(text.split()))
