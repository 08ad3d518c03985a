"""The HTTP API, spoken as any client of Grid's v1 API would: each file an object, sent part by part."""

from __future__ import annotations

import json
import os
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from acceptance.server import Credentials, trusted
from acceptance.surfaces import Outcome, Receipt, deletions_in
from acceptance.surfaces.answers import parsed, whole
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
        self._user = user
        self._open(url, trusted())
        self._evidence = evidence
        self._cluster = _told(self.call("GET", "/v1/core/clusters", quiet=True))["defaultCluster"]

    def _open(self, url: str, authorities: ssl.SSLContext) -> None:
        self._http = httpx.Client(base_url=url, auth=self._user, timeout=30, verify=authorities)
        self._bare = httpx.Client(timeout=30, verify=authorities)  # for addresses that carry their own permission

    def close(self) -> None:
        self._http.close()
        self._bare.close()

    def move(self, url: str, authority: Path) -> None:
        self.close()
        self._open(url, ssl.create_default_context(cafile=authority))

    def call(self, method: str, path: str, body: Any = None, *, quiet: bool = False) -> httpx.Response:
        answer = self._http.request(method, path, json=body)
        if self._evidence and not quiet:
            sent = "" if body is None else json.dumps(body)
            self._evidence.exchange(method, path, sent, answer.status_code, answer.text)
        return whole(answer)

    def upload(self, name: str, folder: Path) -> Outcome:
        created = self._create(name, str(folder))
        if created.is_error:
            return _outcome(created)
        path = f"{self._versions}/{_told(created)['id']}"
        completed = [self._send(path, file, folder) for file in sorted(folder.rglob("*")) if file.is_file()]
        done = self.call("POST", f"{path}/presigned-urls/completed", {"objects": completed}, quiet=True)
        assert done.is_success, done.text
        closed = self.call("POST", f"{path}/completed", {}, quiet=True)
        self._wait(path)
        return _outcome(closed, f"version {_told(created)['spec']['version']}")

    def fetch(self, name: str, location: str, *, refer: bool = False) -> Outcome:
        kind = "HTTP_URL" if location.startswith("http") else "OBJECT_STORE_REFERENCE_ONLY" if refer else "OBJECT_STORE"
        created = self._create(name, location, f"DATASTORE_SOURCE_TYPE_{kind}")
        if created.is_error:
            return _outcome(created)
        path = f"{self._versions}/{_told(created)['id']}"
        self.call("POST", f"{path}/completed", {})
        phase = self._wait(path)
        return Outcome(phase == "available", False, False, _told(self.call("GET", path))["status"]["message"])

    def source(self, name: str, number: int) -> str:
        spec = _told(self.call("GET", f"{self._versions}/{self.version_id(name, number)}"))["spec"]
        return f"{spec['source']} ({_HOW.get(spec['sourceType'], spec['sourceType'])})"

    def listed(self, name: str) -> list[tuple[int, str]]:
        rows = [item for item in _told(self.call("GET", self._versions))["datastores"] if item["name"] == name]
        return [(item["spec"]["version"], _phase(item)) for item in rows]

    def phase(self, name: str, number: int) -> str:
        return _phase(_told(self.call("GET", f"{self._versions}/{self.version_id(name, number)}")))

    def fingerprint(self, name: str, number: int) -> str:
        found = _told(self.call("GET", f"{self._versions}/{self.version_id(name, number)}"))
        return str(found["spec"]["fingerprint"])

    def history(self, name: str, number: int) -> str:
        events = _told(self.call("GET", f"{self._versions}/{self.version_id(name, number)}/events"))["events"]
        return "\n".join(f"{event['timestamp']} {event['kind']} {event['message']}" for event in events)

    def files(self, name: str, number: int) -> Outcome:
        answer = self.call("GET", f"/v1/core/datastores/{self.version_id(name, number)}/files")
        if answer.is_error:
            return _outcome(answer)
        return _outcome(answer, "\n".join(f"{f['filename']}  {f['sizeBytes']}" for f in _told(answer)["files"]))

    def download(self, name: str, number: int, folder: Path) -> Outcome:
        answer = self.call("GET", f"/v1/core/datastores/{self.version_id(name, number)}/files", quiet=True)
        if answer.is_error:
            return _outcome(answer)
        for file in _told(answer)["files"]:
            target = folder / file["filename"]
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                content = whole(self._bare.get(file["url"]))
            except httpx.TransportError as error:  # the server ended it in the middle
                return Outcome(False, False, False, str(error))
            if content.is_error:
                return _outcome(content)
            target.write_bytes(content.content)
            target.chmod(0o755 if file["executable"] else 0o644)
            modified = datetime.fromisoformat(file["lastModified"]).timestamp()
            os.utime(target, (modified, modified))
        for empty in self._empty_folders(name, number):
            (folder / empty).mkdir(parents=True)
        return _outcome(answer, "")

    def _empty_folders(self, name: str, number: int) -> list[str]:
        """The folders that hold no file, as the manifest lists them; a server of Grid's own API has none."""
        manifest = self.call("GET", f"{self._versions}/{self.version_id(name, number)}/manifest", quiet=True)
        rows = [json.loads(line) for line in manifest.text.splitlines()] if manifest.is_success else []
        return [row[0] for row in rows if len(row) == 1]

    def addresses(self, name: str, number: int) -> list[str]:
        """Where the content of each file can be read, as the list of files says."""
        answer = self.call("GET", f"/v1/core/datastores/{self.version_id(name, number)}/files")
        return [file["url"] for file in _told(answer)["files"]]

    def open_address(self, address: str) -> Outcome:
        """Read what is at an address, as anybody can who has it."""
        answer = whole(httpx.get(address, timeout=30, verify=trusted()))
        return Outcome(True, False, False, address) if answer.is_success else _outcome(answer)

    def delete(self, name: str | None, version: str | None) -> Outcome:
        if name is None or version is None:
            query = f"name={name}" if name else f"version={version}"
            return _outcome(self.call("DELETE", f"{self._versions}?{query}"))
        known = version.isdigit() and len(version) < 9 and not version.startswith("0")
        wanted = self.version_id(name, int(version)) if known else version
        return _outcome(self.call("DELETE", f"{self._versions}/{wanted}"))

    def verdict(self, name: str, number: int) -> Outcome:
        answer = self.call("GET", f"{self._versions}/{self.version_id(name, number)}/deletion")
        refusal = _told(answer).get("refusal", "")
        return Outcome(False, False, False, refusal) if refusal else _outcome(answer)

    def receipt(self, outcome: Outcome) -> Receipt:
        told = parsed(outcome.said)["receipt"]
        kept = [(item["version"], item["fingerprint"]) for item in told["kept"]]
        quota = told["quotaBefore"]["used"], told["quotaAfter"]["used"]
        return Receipt(told["version"], int(told["fileCount"]), str(told["sizeBytes"]), kept, quota)

    def offered(self, outcome: Outcome) -> list[tuple[str, int]]:
        return deletions_in(outcome.said)

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
        return [item["name"] for item in _told(self.call("GET", "/v1/core/sessions", quiet=True))["sessions"]]

    def mounts(self, session: str) -> str:
        known = _told(self.call("GET", "/v1/core/sessions"))["sessions"]
        found = next((item for item in known if item["name"] == session), None)
        assert found, f"There is no Session {session} among {known}."
        state = found["status"]["phase"].removeprefix("SESSION_STATE_").lower()
        return " ".join([state, *(f"version {m['version']} of {m['name']}" for m in found["spec"]["datastores"])])

    def users(self, name: str, number: int) -> str:
        details = _told(self.call("GET", f"{self._versions}/{self.version_id(name, number)}/details"))
        return "\n".join(f"{user['kind']} {user['name']} {user['state']}" for user in details["holders"])

    def cancel(self, run: str) -> Outcome:
        return _outcome(self._set_run(run, "canceled"))

    def quota_used(self) -> int:
        return int(_told(self.call("GET", f"/v1/core/{self._cluster}/quota"))["used"])

    def quota_limit(self) -> int:
        return int(_told(self.call("GET", f"/v1/core/{self._cluster}/quota"))["limit"])

    def leased_run(self, run: str, name: str, number: int) -> str:
        """Start a Run that has to send heartbeats; answers its id."""
        mounts = [{"id": self.version_id(name, number), "mountPath": "/data"}]
        spec = {"clusterId": self._cluster, "datastores": mounts, "leased": True}
        started = self.call("POST", f"/v1/core/{self._cluster}/runs", {"name": run, "spec": spec})
        assert started.is_success, started.text
        return str(_told(started)["id"])

    def lease(self, run_id: str) -> int:
        """For how many seconds a Run that has just begun lasts without a heartbeat, by its own times."""
        status = _told(self.call("GET", f"/v1/core/{self._cluster}/runs/{run_id}"))["status"]
        began, until = (datetime.fromisoformat(status[name]) for name in ("startTimestamp", "leaseUntil"))
        return round((until - began).total_seconds())

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
        mounted = self.mount(f"revival-of-{name}", name, number)
        return [mounted, *(_outcome(self.call(*attempt)) for attempt in attempts)]

    def ask_for(self, version_id: str, session_name: str) -> list[Outcome]:
        """Every operation on somebody's version, by its id; one would make a Session of this name."""
        path = f"{self._versions}/{version_id}"
        mounts = [{"dsn": f"datastore://grid/{version_id}"}]
        session = {"name": session_name, "spec": {"clusterId": self._cluster, "datastores": mounts}}
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

    def send_some(self, name: str, folder: Path, files: list[Path]) -> None:
        """Begin an upload, send these files, and say no more."""
        path = f"{self._versions}/{_told(self._create(name, str(folder)))['id']}"
        sent = [self._send(path, file, folder) for file in files]
        assert self.call("POST", f"{path}/presigned-urls/completed", {"objects": sent}).is_success

    def fail_upload(self, name: str) -> None:
        """Send a part that arrives damaged and a manifest that tells so: the server finds that they do not fit."""
        path = f"{self._versions}/{_told(self._create(name, ''))['id']}"
        wanted = [{"key": "pack-00001.tar", "partCount": "1"}]
        announced = _told(self.call("POST", f"{path}/presigned-urls", {"objects": wanted}))["objects"][0]
        etag = whole(self._bare.put(announced["urls"][0]["url"], content=b"damaged")).headers.get("etag", "")
        parts = [{"partNumber": "1", "etag": etag}]
        completed = {"key": announced["key"], "uploadId": announced["uploadId"], "urls": parts}
        self.call("POST", f"{path}/presigned-urls/completed", {"objects": [completed]})
        manifest = json.dumps(["a.csv", 7, "0" * 64, "pack-00001.tar", 0])
        self._http.put(f"{path}/manifest", content=manifest, headers={"Content-Type": "application/x-ndjson"})
        self.call("POST", f"{path}/completed", {})
        assert self._wait(path) == "failed"

    def version_id(self, name: str, number: int) -> str:
        found = self._found(name, number)
        return str(found[0]["id"]) if found else _NO_ID

    def holders(self, name: str, number: int) -> list[str]:
        details = _told(self.call("GET", f"{self._versions}/{self.version_id(name, number)}/details"))
        return [holder["name"] for holder in details["holders"]]

    def state(self) -> list[dict[str, Any]]:
        datastores: list[dict[str, Any]] = _told(self.call("GET", self._versions))["datastores"]
        sessions: list[dict[str, Any]] = _told(self.call("GET", "/v1/core/sessions"))["sessions"]
        return [*datastores, *sessions, *self._runs(), {"name": "", "used": self.quota_used()}]

    def record(self, name: str, number: int) -> dict[str, Any]:
        known = self._found(name, number)
        assert known, f"There is no version {number} of {name}, not even a deleted one."
        found = known[0]
        found["status"].pop("bytesGoneAt", None)
        return found

    def clean(self, suffix: str) -> list[str]:
        """Delete the Sessions, Runs and versions whose names end so; what was said where that was refused."""
        sessions = _told(self.call("GET", "/v1/core/sessions"))["sessions"]
        there = [
            *(("/v1/core/sessions", item) for item in sessions),
            *((f"/v1/core/{self._cluster}/runs", item) for item in self._runs()),
            *((self._versions, item) for item in _told(self.call("GET", self._versions))["datastores"]),
        ]
        paths = [f"{path}/{item['id']}" for path, item in there if item["name"].endswith(suffix)]
        answers = [self.call("DELETE", path) for path in paths]
        return [f"{answer.request.url}: {answer.text}" for answer in answers if answer.is_error]

    @property
    def _versions(self) -> str:
        return f"/v1/core/{self._cluster}/datastores"

    def _create(self, name: str, source: str, source_type: str = _FILES) -> httpx.Response:
        spec = {"clusterId": self._cluster, "version": 0, "source": source, "sourceType": source_type}
        return self.call("POST", self._versions, {"name": name, "spec": spec})

    def _send(self, path: str, file: Path, folder: Path) -> dict[str, Any]:
        key = file.relative_to(folder).as_posix()
        wanted = {"objects": [{"key": key, "partCount": "1"}]}
        announced = _told(self.call("POST", f"{path}/presigned-urls", wanted, quiet=True))["objects"][0]
        answer = whole(self._bare.put(announced["urls"][0]["url"], content=file.read_bytes()))
        parts = [{"partNumber": "1", "etag": answer.headers.get("etag", "")}]
        return {"key": key, "uploadId": announced["uploadId"], "urls": parts}

    def _wait(self, path: str) -> str:
        """The phase that the version came to; the server finishes it in the background."""
        from acceptance.waiting import wait_until

        def phase() -> str | None:
            return _PHASES.get(_told(self.call("GET", path, quiet=True))["status"]["phase"])

        return wait_until(phase, "the version is finished")

    def _set_session(self, session: str, state: str) -> Outcome:
        path = f"/v1/core/sessions/{self._session_id(session)}"
        return _outcome(self.call("PUT", path, {"spec": {"desiredState": state}}))

    def _set_run(self, run: str, state: str) -> httpx.Response:
        run_id = next((item["id"] for item in self._runs() if item["name"] == run), _NO_ID)
        body = {"spec": {"desiredState": f"RUN_STATE_{state.upper()}"}}
        return self.call("PUT", f"/v1/core/{self._cluster}/runs/{run_id}", body)

    def _runs(self) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = _told(self.call("GET", f"/v1/core/{self._cluster}/runs", quiet=True))["runs"]
        return runs

    def _found(self, name: str, number: int) -> list[dict[str, Any]]:
        """The version of this name and number, deleted or not."""
        query = f"name={name}&version={number}&includeDeleted=true"
        found = _told(self.call("GET", f"{self._versions}?{query}", quiet=True))["datastores"]
        return [item for item in found if (item["name"], item["spec"]["version"]) == (name, number)]

    def _session_id(self, session: str) -> str:
        known = _told(self.call("GET", "/v1/core/sessions", quiet=True))["sessions"]
        return next((item["id"] for item in known if item["name"] == session), _NO_ID)


def _told(answer: httpx.Response) -> Any:
    return parsed(answer.text)


def _phase(datastore: dict[str, Any]) -> str:
    return _PHASES.get(datastore["status"]["phase"], "unfinished")


def _outcome(answer: httpx.Response, said: str | None = None) -> Outcome:
    if answer.is_success:
        return Outcome(True, False, False, answer.text if said is None else said)
    error = _told(answer)
    shown = error["details"][0]["message"] if error.get("details") else error["message"]
    return Outcome(False, error["code"] == _INVALID_ARGUMENT, answer.status_code == 404, shown)
