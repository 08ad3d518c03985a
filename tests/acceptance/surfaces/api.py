"""The HTTP API, spoken as any client of Grid's v1 API would: each file an object, sent part by part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from acceptance.server import Credentials
from acceptance.surfaces import Outcome, Receipt
from living_spec.recorder import Recorder

_INVALID_ARGUMENT = 3
_NO_ID = "00000000000000000000000000000000"
_PHASES = {
    "DATASTORE_OPTIMIZATION_STATUS_SUCCEEDED": "available",
    "DATASTORE_OPTIMIZATION_STATUS_FAILED": "failed",
    "DATASTORE_OPTIMIZATION_STATUS_DELETED": "deleted",
}
_FILES = "DATASTORE_SOURCE_TYPE_EXPANDED_FILES"

# What Grid's names for a source mean, in the words of the guide.
_HOW = {
    _FILES: "files, uploaded",
    "DATASTORE_SOURCE_TYPE_HTTP_URL": "archive, fetched and extracted",
    "DATASTORE_SOURCE_TYPE_OBJECT_STORE": "bucket, copied",
    "DATASTORE_SOURCE_TYPE_OBJECT_STORE_REFERENCE_ONLY": "reference; deleting leaves the bucket alone",
}


class ApiSurface:
    """One user of one server."""

    def __init__(self, url: str, user: Credentials, evidence: Recorder | None) -> None:
        self._http = httpx.Client(base_url=url, auth=user, timeout=30)
        self._evidence = evidence
        self._cluster = self.call("GET", "/v1/core/clusters", quiet=True).json()["defaultCluster"]

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: Any = None, *, quiet: bool = False) -> httpx.Response:
        answer = self._http.request(method, path, json=body)
        if self._evidence and not quiet:
            sent = "" if body is None else json.dumps(body)
            self._evidence.exchange(method, path, sent, answer.status_code, answer.text)
        return answer

    def upload(self, name: str, folder: Path) -> Outcome:
        created = self._create(name, str(folder))
        if created.is_error:
            return _outcome(created)
        path = f"{self._versions}/{created.json()['id']}"
        completed = [self._send(path, file, folder) for file in sorted(folder.rglob("*")) if file.is_file()]
        done = self.call("POST", f"{path}/presigned-urls/completed", {"objects": completed}, quiet=True)
        assert done.is_success, done.text
        closed = self.call("POST", f"{path}/completed", {}, quiet=True)
        self._wait(path)
        return _outcome(closed, f"version {created.json()['spec']['version']}")

    def fetch(self, name: str, location: str, *, refer: bool = False) -> Outcome:
        kind = "HTTP_URL" if location.startswith("http") else "OBJECT_STORE_REFERENCE_ONLY" if refer else "OBJECT_STORE"
        created = self._create(name, location, f"DATASTORE_SOURCE_TYPE_{kind}")
        if created.is_error:
            return _outcome(created)
        path = f"{self._versions}/{created.json()['id']}"
        self.call("POST", f"{path}/completed", {})
        phase = self._wait(path)
        return Outcome(phase == "available", False, False, self.call("GET", path).json()["status"]["message"])

    def source(self, name: str, number: int) -> str:
        spec = self.call("GET", f"{self._versions}/{self.version_id(name, number)}").json()["spec"]
        return f"{spec['source']} ({_HOW[spec['sourceType']]})"

    def versions(self, name: str) -> list[int]:
        answer = self.call("GET", f"{self._versions}?available=true").json()
        return [item["spec"]["version"] for item in answer["datastores"] if item["name"] == name]

    def phase(self, name: str, number: int) -> str:
        found = self.call("GET", f"{self._versions}/{self.version_id(name, number)}").json()
        return _PHASES.get(found["status"]["phase"], "unfinished")

    def fingerprint(self, name: str, number: int) -> str:
        found = self.call("GET", f"{self._versions}/{self.version_id(name, number)}").json()
        return str(found["spec"]["fingerprint"])

    def history(self, name: str, number: int) -> str:
        events = self.call("GET", f"{self._versions}/{self.version_id(name, number)}/events").json()["events"]
        return "\n".join(f"{event['timestamp']} {event['kind']} {event['message']}" for event in events)

    def files(self, name: str, number: int) -> Outcome:
        answer = self.call("GET", f"/v1/core/datastores/{self.version_id(name, number)}/files")
        if answer.is_error:
            return _outcome(answer)
        return _outcome(answer, "\n".join(f"{f['filename']}  {f['sizeBytes']}" for f in answer.json()["files"]))

    def download(self, name: str, number: int, folder: Path) -> Outcome:
        answer = self.call("GET", f"/v1/core/datastores/{self.version_id(name, number)}/files", quiet=True)
        if answer.is_error:
            return _outcome(answer)
        for file in answer.json()["files"]:
            target = folder / file["filename"]
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                content = httpx.get(file["url"], timeout=30)
            except httpx.TransportError as error:  # the server ended it in the middle
                return Outcome(False, False, False, str(error))
            if content.is_error:
                return _outcome(content)
            target.write_bytes(content.content)
        return _outcome(answer, "")

    def delete(self, name: str | None, version: str | None) -> Outcome:
        if name is None or version is None:
            query = f"name={name}" if name else f"version={version}"
            return _outcome(self.call("DELETE", f"{self._versions}?{query}"))
        known = version.isdigit() and len(version) < 9 and not version.startswith("0")
        wanted = self.version_id(name, int(version)) if known else version
        return _outcome(self.call("DELETE", f"{self._versions}/{wanted}"))

    def verdict(self, name: str, number: int) -> Outcome:
        answer = self.call("GET", f"{self._versions}/{self.version_id(name, number)}/deletion")
        refusal = answer.json().get("refusal", "")
        return Outcome(False, False, False, refusal) if refusal else _outcome(answer)

    def receipt(self, outcome: Outcome) -> Receipt:
        told = json.loads(outcome.said)["receipt"]
        kept = [(item["version"], item["fingerprint"]) for item in told["kept"]]
        quota = told["quotaBefore"]["used"], told["quotaAfter"]["used"]
        return Receipt(told["version"], int(told["fileCount"]), int(told["sizeBytes"]), kept, quota)

    def mount(self, session: str, name: str, number: int) -> Outcome:
        mounts = [{"dsn": f"datastore://grid/{self.version_id(name, number)}"}]
        body = {"name": session, "spec": {"clusterId": self._cluster, "datastores": mounts}}
        return _outcome(self.call("POST", "/v1/core/sessions", body))

    def pause(self, session: str) -> Outcome:
        return self._set_session(session, "SESSION_STATE_PAUSED")

    def resume(self, session: str) -> Outcome:
        return self._set_session(session, "SESSION_STATE_RUNNING")

    def end(self, session: str) -> Outcome:
        return _outcome(self.call("DELETE", f"/v1/core/sessions/{self._session_id(session)}"))

    def sessions(self) -> list[str]:
        return [item["name"] for item in self.call("GET", "/v1/core/sessions", quiet=True).json()["sessions"]]

    def mounts(self, session: str) -> str:
        known = self.call("GET", "/v1/core/sessions").json()["sessions"]
        [found] = [item for item in known if item["name"] == session]
        state = found["status"]["phase"].removeprefix("SESSION_STATE_").lower()
        return " ".join([state, *(f"version {m['version']} of {m['name']}" for m in found["spec"]["datastores"])])

    def users(self, name: str, number: int) -> str:
        details = self.call("GET", f"{self._versions}/{self.version_id(name, number)}/details").json()
        return "\n".join(f"{user['kind']} {user['name']} {user['state']}" for user in details["holders"])

    def cancel(self, run: str) -> Outcome:
        return _outcome(self._set_run(run, "canceled"))

    def quota_used(self) -> int:
        return int(self.call("GET", f"/v1/core/{self._cluster}/quota").json()["used"])

    def quota_limit(self) -> int:
        return int(self.call("GET", f"/v1/core/{self._cluster}/quota").json()["limit"])

    def leased_run(self, run: str, name: str, number: int) -> str:
        """Start a Run that has to send heartbeats; answers its id."""
        mounts = [{"id": self.version_id(name, number), "mountPath": "/data"}]
        spec = {"clusterId": self._cluster, "datastores": mounts, "leased": True}
        started = self.call("POST", f"/v1/core/{self._cluster}/runs", {"name": run, "spec": spec})
        assert started.is_success, started.text
        return str(started.json()["id"])

    def heartbeat(self, run_id: str) -> None:
        assert self.call("POST", f"/v1/core/{self._cluster}/runs/{run_id}/heartbeat", quiet=True).is_success

    def send_more(self, name: str, number: int) -> Outcome:
        """Ask for addresses to send more data to."""
        path = f"{self._versions}/{self.version_id(name, number)}/presigned-urls"
        return _outcome(self.call("POST", path, {"objects": [{"key": "more.csv", "partCount": "1"}]}))

    def try_to_revive(self, name: str, number: int) -> list[Outcome]:
        """Every operation that could make something of a deleted version."""
        version_id = self.version_id(name, number)
        path = f"{self._versions}/{version_id}"
        spec = {"desiredState": "DATASTORE_STATE_CREATED", "version": number}
        attempts = [
            ("PUT", path, {"name": name, "spec": spec}),
            ("POST", f"{path}/presigned-urls", {"objects": [{"key": "a.csv", "partCount": "1"}]}),
            ("POST", f"{path}/presigned-urls/completed", {"objects": []}),
            ("PUT", f"{path}/manifest", None),
            ("POST", f"{path}/completed", {}),
            ("POST", f"{path}/restore", {}),
            ("DELETE", path, None),
        ]
        return [_outcome(self.call(*attempt)) for attempt in attempts] + [self.mount("revival", name, number)]

    def ask_for(self, version_id: str) -> list[Outcome]:
        """Every operation on somebody's version, by its id."""
        path = f"{self._versions}/{version_id}"
        mounts = [{"dsn": f"datastore://grid/{version_id}"}]
        session = {"name": "theirs", "spec": {"clusterId": self._cluster, "datastores": mounts}}
        attempts = [
            ("GET", path, None),
            ("GET", f"{path}/details", None),
            ("GET", f"{path}/events", None),
            ("GET", f"{path}/deletion", None),
            ("GET", f"{path}/manifest", None),
            ("GET", f"/v1/core/datastores/{version_id}/files", None),
            ("POST", f"{path}/presigned-urls", {"objects": [{"key": "a.csv", "partCount": "1"}]}),
            ("POST", "/v1/core/sessions", session),
            ("DELETE", path, None),
        ]
        return [_outcome(self.call(*attempt)) for attempt in attempts]

    def run(self, run: str, name: str, number: int) -> None:
        mounts = [{"id": self.version_id(name, number), "mountPath": "/data"}]
        body = {"name": run, "spec": {"clusterId": self._cluster, "datastores": mounts}}
        assert self.call("POST", f"/v1/core/{self._cluster}/runs", body).is_success

    def end_run(self, run: str, state: str) -> None:
        assert self._set_run(run, state).is_success

    def begin_upload(self, name: str) -> None:
        assert self._create(name, "").is_success

    def fail_upload(self, name: str) -> None:
        """Send a part that arrives damaged and a manifest that tells so: the server finds that they do not fit."""
        path = f"{self._versions}/{self._create(name, '').json()['id']}"
        wanted = [{"key": "pack-00001.tar", "partCount": "1"}]
        announced = self.call("POST", f"{path}/presigned-urls", {"objects": wanted}).json()["objects"][0]
        etag = httpx.put(announced["urls"][0]["url"], content=b"damaged").headers["etag"]
        parts = [{"partNumber": "1", "etag": etag}]
        completed = {"key": announced["key"], "uploadId": announced["uploadId"], "urls": parts}
        self.call("POST", f"{path}/presigned-urls/completed", {"objects": [completed]})
        manifest = json.dumps(["a.csv", 7, "0" * 64, "pack-00001.tar", 0])
        self._http.put(f"{path}/manifest", content=manifest, headers={"Content-Type": "application/x-ndjson"})
        self.call("POST", f"{path}/completed", {})
        assert self._wait(path) == "failed"

    def version_id(self, name: str, number: int) -> str:
        query = f"name={name}&version={number}&includeDeleted=true"
        found = self.call("GET", f"{self._versions}?{query}", quiet=True).json()["datastores"]
        ids = [item["id"] for item in found if (item["name"], item["spec"]["version"]) == (name, number)]
        return ids[0] if ids else _NO_ID

    def holders(self, name: str, number: int) -> list[str]:
        details = self.call("GET", f"{self._versions}/{self.version_id(name, number)}/details").json()
        return [holder["name"] for holder in details["holders"]]

    def state(self) -> list[dict[str, Any]]:
        datastores: list[dict[str, Any]] = self.call("GET", self._versions).json()["datastores"]
        sessions: list[dict[str, Any]] = self.call("GET", "/v1/core/sessions").json()["sessions"]
        return datastores + sessions

    @property
    def _versions(self) -> str:
        return f"/v1/core/{self._cluster}/datastores"

    def _create(self, name: str, source: str, source_type: str = _FILES) -> httpx.Response:
        spec = {"clusterId": self._cluster, "version": 0, "source": source, "sourceType": source_type}
        return self.call("POST", self._versions, {"name": name, "spec": spec})

    def _send(self, path: str, file: Path, folder: Path) -> dict[str, Any]:
        key = file.relative_to(folder).as_posix()
        wanted = {"objects": [{"key": key, "partCount": "1"}]}
        announced = self.call("POST", f"{path}/presigned-urls", wanted, quiet=True).json()["objects"][0]
        answer = httpx.put(announced["urls"][0]["url"], content=file.read_bytes(), timeout=30)
        parts = [{"partNumber": "1", "etag": answer.headers["etag"]}]
        return {"key": key, "uploadId": announced["uploadId"], "urls": parts}

    def _wait(self, path: str) -> str:
        """The phase that the version came to; the server finishes it in the background."""
        from acceptance.waiting import wait_until

        def phase() -> str | None:
            return _PHASES.get(self.call("GET", path, quiet=True).json()["status"]["phase"])

        return wait_until(phase, "the version is finished")

    def _set_session(self, session: str, state: str) -> Outcome:
        path = f"/v1/core/sessions/{self._session_id(session)}"
        return _outcome(self.call("PUT", path, {"spec": {"desiredState": state}}))

    def _set_run(self, run: str, state: str) -> httpx.Response:
        runs = self.call("GET", f"/v1/core/{self._cluster}/runs", quiet=True).json()["runs"]
        run_id = next((item["id"] for item in runs if item["name"] == run), _NO_ID)
        body = {"spec": {"desiredState": f"RUN_STATE_{state.upper()}"}}
        return self.call("PUT", f"/v1/core/{self._cluster}/runs/{run_id}", body)

    def _session_id(self, session: str) -> str:
        known = self.call("GET", "/v1/core/sessions", quiet=True).json()["sessions"]
        return next((item["id"] for item in known if item["name"] == session), _NO_ID)


def _outcome(answer: httpx.Response, said: str | None = None) -> Outcome:
    if answer.is_success:
        return Outcome(True, False, False, answer.text if said is None else said)
    error = answer.json()
    shown = error["details"][0]["message"] if error.get("details") else error["message"]
    return Outcome(False, error["code"] == _INVALID_ARGUMENT, answer.status_code == 404, shown)
