"""A user who sends what no client of ours sends, and the one form in which it is refused."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import httpx

from acceptance.server import Credentials, ServerProcess, trusted
from acceptance.waiting import wait_until
from described import check_described

HALF = '"\\ud800"'  # JSON of half a character


@cache
def _description(origin: str) -> dict[str, Any]:
    return dict(httpx.get(f"{origin}/openapi.json", timeout=30, verify=trusted()).raise_for_status().json())


def _described(answer: httpx.Response) -> None:
    """Fail unless the server's own description has this answer."""
    url = answer.request.url
    if url.path.startswith(("/v1/", "/graphql")):
        origin = str(url.copy_with(path="/", query=None)).rstrip("/")
        check_described(_description(origin), answer.request.method, url.path, answer.status_code)


class Client:
    """A user of the server who sends what they like."""

    def __init__(self, server: ServerProcess, user: Credentials) -> None:
        self.server = server
        self.user = user
        hooks = {"response": [_described]}
        self.http = httpx.Client(base_url=server.url, auth=user, timeout=30, verify=trusted(), event_hooks=hooks)
        self.versions = "/v1/core/local/datastores"

    def begin(self) -> str:
        """A version that takes data; its path."""
        body = {"name": "data", "spec": {"sourceType": "DATASTORE_SOURCE_TYPE_EXPANDED_FILES"}}
        return f"{self.versions}/{self.http.post(self.versions, json=body).raise_for_status().json()['id']}"

    def announce(self, path: str, key: str = "a.csv", parts: str = "1") -> dict[str, Any]:
        """An object that is announced."""
        body = {"objects": [{"key": key, "partCount": parts}]}
        answer = self.http.post(f"{path}/presigned-urls", json=body).raise_for_status()
        return dict(answer.json()["objects"][0])

    def send(self, path: str, content: bytes, key: str = "a.csv") -> dict[str, Any]:
        """An object that has arrived."""
        upload = self.announce(path, key)
        etag = httpx.put(upload["urls"][0]["url"], content=content, verify=trusted()).raise_for_status().headers["etag"]
        completed = {"key": key, "uploadId": upload["uploadId"], "urls": [{"partNumber": "1", "etag": etag}]}
        self.http.post(f"{path}/presigned-urls/completed", json={"objects": [completed]}).raise_for_status()
        return upload

    def finish(self, path: str) -> tuple[str, str]:
        """Close the version; the phase that it comes to, and why."""
        self.http.post(f"{path}/completed", json={}).raise_for_status()

        def ended() -> tuple[str, str] | None:
            status = self.http.get(path).raise_for_status().json()["status"]
            phase = status["phase"].rpartition("_")[2]
            return (
                None
                if phase in ("UNSPECIFIED", "CLOUD_RESOURCES_PENDING", "OPTIMIZING")
                else (phase, status["message"])
            )

        return wait_until(ended, "the version is finished")

    def seen(self) -> str:
        """All that this user can see, and the files of every version in storage."""
        listed = self.http.get(self.versions).raise_for_status().json()
        sessions = self.http.get("/v1/core/sessions").raise_for_status().json()
        runs = self.http.get("/v1/core/local/runs").raise_for_status().json()
        held = sorted(str(p) for d in listed["datastores"] for p in (self.server.data / d["id"]).rglob("*"))
        return json.dumps([listed, sessions, runs, held])


def refused(answer: httpx.Response, *phrases: str) -> None:
    """The one form of errors, with a sentence, and a status that says it was the request's fault."""
    body = answer.json()
    assert 400 <= answer.status_code < 500, answer.text
    assert set(body) == {"code", "message", "details"}, body
    assert isinstance(body["code"], int)
    assert [detail["message"] for detail in body["details"]] == [body["message"]]
    assert body["message"].endswith((".", "login")), body
    assert "Traceback" not in answer.text
    for phrase in phrases:
        assert phrase in body["message"], body
