"""The contract: what this server has of Grid's v1 API is spelt and typed as there (grid-v1-openapi.json)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from acceptance.server import ServerProcess
from acceptance.waiting import wait_until
from reliability.hostile import Client

CONTRACT = json.loads((Path(__file__).parent / "grid-v1-openapi.json").read_text())
OPERATIONS = [(path, method) for path, methods in CONTRACT["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def described(shared_server: ServerProcess) -> dict[str, Any]:
    """What the server says of itself."""
    return dict(httpx.get(f"{shared_server.url}/openapi.json", timeout=30).raise_for_status().json())


def _plain(path: str) -> str:
    """A path whatever its parameters are called."""
    return re.sub(r"{[^}]*}", "{}", path)


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _mine(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(_plain(p), m): op for p, ops in described["paths"].items() for m, op in ops.items()}


@pytest.mark.proves("grids-operations")
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_of_grid_is_there(described: dict[str, Any], path: str, method: str) -> None:
    assert (_plain(path), method) in _mine(described)


@pytest.mark.proves("grids-operations")
def test_there_are_a_few_operations_beyond_those_of_grid(described: dict[str, Any]) -> None:
    own = _mine(described).keys() - {(_plain(path), method) for path, method in OPERATIONS}
    assert ("/v1/core/{}/datastores/{}/deletion", "get") in own
    assert len(own) < len(OPERATIONS)


def _types(schema: dict[str, Any], document: dict[str, Any]) -> set[str]:
    schema = _resolved(schema, document)
    if "anyOf" in schema:
        return set().union(*(_types(part, document) for part in schema["anyOf"])) - {"null"}
    return {schema["type"]} if "type" in schema else set()


def _parts(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The properties of an object, or of the items of an array."""
    schema = _resolved(schema, document)
    if schema.get("type") == "array":
        return _parts(schema["items"], document)
    return dict(schema.get("properties", {}))


def _differences(mine: dict[str, Any], theirs: dict[str, Any], document: dict[str, Any], place: str) -> Iterator[str]:
    """Fields of the same name whose types differ, at any depth."""
    ours, known = _parts(mine, document), _parts(theirs, CONTRACT)
    for name in ours.keys() & known.keys():
        left, right = _types(ours[name], document), _types(known[name], CONTRACT)
        if left and right and left != right:
            yield f"{place}.{name}: {left} is {right} in Grid"
        yield from _differences(ours[name], known[name], document, f"{place}.{name}")


def _json(part: dict[str, Any]) -> dict[str, Any]:
    return dict(part.get("content", {}).get("application/json", {}).get("schema", {}))


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_fields_and_parameters_have_the_types_of_grid(described: dict[str, Any], path: str, method: str) -> None:
    mine, theirs, document = _mine(described)[_plain(path), method], CONTRACT["paths"][path][method], described
    answer = mine["responses"].get("200", {})  # a request that is always refused has none
    found = list(_differences(_json(answer), _json(theirs["responses"]["200"]), document, "answer"))
    if "requestBody" in mine and "requestBody" in theirs:
        found += _differences(_json(mine["requestBody"]), _json(theirs["requestBody"]), document, "request")
    assert found == []
    for parameter in theirs.get("parameters", []):
        ours = [p for p in mine.get("parameters", []) if (p["name"], p["in"]) == (parameter["name"], parameter["in"])]
        for each in ours:
            assert _types(each["schema"], document) == _types(parameter["schema"], CONTRACT)


def _agree(value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    """Where a real answer is not as Grid says; fields that Grid does not know are this server's own."""
    schema = _resolved(schema, CONTRACT)
    match schema.get("type"):
        case "array":
            if not isinstance(value, list):
                yield f"{place} is no list: {value!r}"
                return
            for number, item in enumerate(value):
                yield from _agree(item, schema["items"], f"{place}[{number}]")
        case "object":
            for name, part in schema.get("properties", {}).items():
                if name in value and not (value[name] is None and part.get("format") == "date-time"):
                    yield from _agree(value[name], part, f"{place}.{name}")
        case "string":
            if not isinstance(value, str):
                yield f"{place} is no string: {value!r}"
            elif schema.get("format") == "date-time" and not datetime.fromisoformat(value).tzinfo:
                yield f"{place} is a time without a zone: {value}"
            elif "enum" in schema and value not in schema["enum"]:
                yield f"{place} is {value}, not one of Grid's"
        case "integer" | "number" as kind:
            if not isinstance(value, int if kind == "integer" else int | float) or isinstance(value, bool):
                yield f"{place} is no number: {value!r}"
        case "boolean":
            if not isinstance(value, bool):
                yield f"{place} is no boolean: {value!r}"


def _call(http: httpx.Client, path: str, method: str, body: Any = None, **names: str) -> Any:
    """Do an operation of Grid, and hold its answer against the contract."""
    real = path
    for name, value in names.items():
        real = re.sub(r"{(spec\.)?" + name + "}", value, real)
    assert "{" not in real.replace("{spec.clusterId}", ""), real
    answer = http.request(method, real.replace("{spec.clusterId}", "local"), json=body).raise_for_status().json()
    theirs = _json(CONTRACT["paths"][path][method.lower()]["responses"]["200"])
    assert list(_agree(answer, theirs, path)) == []
    return answer


def test_real_answers_have_the_types_of_grid(client: Client) -> None:
    """The whole life of a version, of a Session and of a Run, with every answer held against the contract."""
    local, http = {"clusterId": "local"}, client.http
    login = {"username": client.user.user_id, "apiKey": client.user.api_key}
    assert _call(http, "/v1/auth/login", "POST", login)["token"]
    _call(http, "/v1/auth/user", "GET")
    assert _call(http, "/v1/core/clusters", "GET")["clusters"] != []
    versions = "/v1/core/{clusterId}/datastores"
    sessions, runs = "/v1/core/sessions", "/v1/core/{clusterId}/runs"
    assert _call(http, versions, "GET", **local)["datastores"] == []
    assert _call(http, sessions, "GET")["sessions"] == []
    assert _call(http, runs, "GET", **local)["runs"] == []
    spec = {"source": "", "sourceType": "DATASTORE_SOURCE_TYPE_EXPANDED_FILES", "version": 0}
    made = _call(http, "/v1/core/{spec.clusterId}/datastores", "POST", {"name": "data", "spec": spec})
    one = f"{versions}/{{datastoreId}}"
    upload = local | {"datastoreId": made["id"]}
    objects = {"objects": [{"key": key, "partCount": "1"} for key in ("b.csv", "a.csv")]}
    announced = _call(http, f"{one}/presigned-urls", "POST", objects, **upload)["objects"]
    assert [item["key"] for item in announced] == ["b.csv", "a.csv"], "in the order of the request"
    completed = []
    for item in announced:
        etag = httpx.put(item["urls"][0]["url"], content=b"1,2\n").raise_for_status().headers["etag"]
        parts = [{"partNumber": item["urls"][0]["partNumber"], "etag": etag}]
        completed.append({"key": item["key"], "uploadId": item["uploadId"], "urls": parts})
    _call(http, f"{one}/presigned-urls/completed", "POST", {"objects": completed}, **upload)
    _call(http, f"{one}/completed", "POST", {}, **upload)
    by_id = local | {"id": made["id"]}

    def available() -> bool:
        phase = _call(http, f"{versions}/{{id}}", "GET", **by_id)["status"]["phase"]
        return bool(phase == "DATASTORE_OPTIMIZATION_STATUS_SUCCEEDED")

    wait_until(available, "the version is available")
    listed = _call(http, versions, "GET", **local)["datastores"]
    assert listed[0]["spec"]["version"] == 1
    assert listed[0]["spec"]["sizeMib"] == 1
    files = _call(http, "/v1/core/datastores/{id}/files", "GET", id=made["id"])["files"]
    assert [(file["filename"], file["sizeBytes"]) for file in files] == [("a.csv", "4"), ("b.csv", "4")]
    assert _call(http, f"{versions}/{{id}}/events", "GET", **by_id)["events"] != []

    mounts = [{"dsn": f"datastore://grid/{made['id']}", "mountPath": "/data"}]
    session = _call(http, sessions, "POST", {"name": "tuning", "spec": {"clusterId": "local", "datastores": mounts}})
    of_session = {"id": session["id"]}
    for state in ("SESSION_STATE_PAUSED", "SESSION_STATE_RUNNING"):
        _call(http, f"{sessions}/{{id}}", "PUT", {"spec": {"desiredState": state}}, **of_session)
        assert _call(http, f"{sessions}/{{id}}", "GET", **of_session)["status"]["phase"] == state
    assert len(_call(http, sessions, "GET")["sessions"]) == 1
    _call(http, f"{sessions}/{{id}}/events", "GET", **of_session)
    mounts = [{"id": made["id"], "mountPath": "/data"}]
    run = _call(http, "/v1/core/{spec.clusterId}/runs", "POST", {"name": "training", "spec": {"datastores": mounts}})
    of_run = local | {"id": run["id"]}
    refused = http.delete(f"/v1/core/local/datastores/{made['id']}")
    assert refused.status_code == 409
    assert list(_agree(refused.json(), {"$ref": "#/components/schemas/RpcStatus"}, "error")) == []
    assert [detail["message"] for detail in refused.json()["details"]] == [refused.json()["message"]]
    assert len(_call(http, runs, "GET", **local)["runs"]) == 1
    _call(
        http, "/v1/core/{spec.clusterId}/runs/{id}", "PUT", {"spec": {"desiredState": "RUN_STATE_SUCCEEDED"}}, **of_run
    )
    _call(http, f"{runs}/{{id}}", "GET", **of_run)
    _call(http, f"{runs}/{{id}}", "DELETE", **of_run)
    _call(http, f"{sessions}/{{id}}", "DELETE", **of_session)
    _call(http, f"{versions}/{{id}}", "DELETE", **by_id)
    assert _call(http, versions, "GET", **local)["datastores"] == []


def test_a_difference_would_be_seen() -> None:
    """The checker of this file: each kind of disagreement is one."""
    schema = {"$ref": "#/components/schemas/V1ListDatastoreFilesResponse"}
    good = {"files": [{"filename": "a", "sizeBytes": "1", "lastModified": "2026-01-01T00:00:00Z", "own": 7}]}
    assert list(_agree(good, schema, "x")) == []
    for wrong in ({"sizeBytes": 1}, {"filename": None}, {"lastModified": "2026-01-01T00:00:00"}):
        assert len(list(_agree({"files": [wrong]}, schema, "x"))) == 1
    assert len(list(_agree({"files": None}, schema, "x"))) == 1
