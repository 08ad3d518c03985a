"""`Datastores` on a server, over HTTP."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from grid_datastores.domain.errors import Damaged, InvalidInput, NotFound, NotThatState, NotUnderstood, Refusal
from grid_datastores.domain.model import Place, Quota, Version, WorkloadKind, WorkloadState
from grid_datastores.domain.rules import pick_by_name, require_available
from grid_datastores.gateway.connection import Connection, raising_not_understood
from grid_datastores.gateway.credentials import DEFAULT_CLUSTER, Server
from grid_datastores.gateway.http_uploads import HttpSink
from grid_datastores.storage.manifest import Manifest, read_files
from grid_datastores.system.ahead import begin
from grid_datastores.wire import datastores as wire
from grid_datastores.wire import workloads as workload_wire
from grid_datastores.wire.common import id_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from grid_datastores.domain.model import Details, FileEntry, Receipt, Source, Verdict, VersionRef, Workload
    from grid_datastores.storage import ObjectSink
    from grid_datastores.wire import accounts

_MIN_POLL_INTERVAL, _MAX_POLL_INTERVAL = 0.02, 1.0  # seconds
_VERSIONS_PER_PAGE = "1000"
_POLLS = 8  # a poll comes late by at most this part of the time that has passed
_STATES = {WorkloadKind.SESSION: workload_wire.SESSION_STATES, WorkloadKind.RUN: workload_wire.RUN_STATES}


def sign_in(url: str, name: str, key: str) -> Server:
    """Sign in and return the server with the user's id. Raises `NotSignedIn` if the name or key is wrong."""
    connection = Connection(url, None)
    try:
        with _explaining_not_found(url):
            # Commands send the key with every request, so they do not need the token for longer.
            login = {"username": name, "apiKey": key, "duration": "1s"}
            connection.call("POST", "/v1/auth/login", json=login)
        signed = Connection(url, (name, key))
        try:
            user = cast("accounts.UserResponse", signed.call("GET", "/v1/auth/user"))
            clusters = cast("accounts.ListClustersResponse", signed.call("GET", "/v1/core/clusters"))
            with raising_not_understood(url):
                return Server(url, user["id"], key, id_in(clusters["defaultCluster"] or DEFAULT_CLUSTER))
        finally:
            signed.close()
    finally:
        connection.close()


@contextmanager
def _explaining_not_found(url: str) -> Iterator[None]:
    """Extend the refusal of a server that does not know the path: it cannot be a Grid server."""
    try:
        yield
    except Refusal as error:
        if error.metadata.get("status") != "404":
            raise
        raise Refusal(f"{error.message} {url} is not the address of a Grid server.") from error


class HttpDatastores:
    """See `Datastores`."""

    fetches_in_process = False
    verifies_objects = False

    def __init__(self, server: Server, timeout: float | None = None) -> None:
        self._connection = Connection(server.url, (server.user_id, server.api_key), timeout)
        self._cluster = server.cluster
        self._user_id = server.user_id
        self._identity: Place | None = None
        self.place_name = server.url

    def identity(self) -> Place:
        """See `Datastores`. If the server sends no place id, its address is used instead."""
        if self._identity is None:
            place_id, user_id, user_name = self._request_identity()
            by_address = f"{self.place_name}/{user_id}"
            earlier = (self.place_name, by_address) if place_id else (self.place_name,)
            identity = f"{place_id}/{user_id}" if place_id else by_address
            self._identity = Place(identity, self.place_name, earlier, user_name)
        return self._identity

    def _request_identity(self) -> tuple[str, str, str]:
        """Return the ids of the place ("" if the server sends none) and the user, and the user's name."""
        try:
            answer = cast("accounts.UserResponse", self._connection.call("GET", "/v1/auth/user"))
        except Refusal as error:
            if error.metadata.get("status") != "404":
                raise
            return "", self._user_id, self._user_id
        with raising_not_understood(self.place_name):
            place_id = answer.get("placeId")
            user_id = id_in(answer["id"])
            return id_in(place_id) if place_id is not None else "", user_id, str(answer.get("username") or user_id)

    def deleted(self, version_ids: Collection[str]) -> Collection[str]:
        found: set[str] = set()
        for ids in _batches(sorted(version_ids)):
            path = f"/v1/core/{self._cluster}/deletions"
            answer = cast("wire.DeletedResponse", self._connection.call("GET", path, query={"id": ids}))
            with raising_not_understood(self.place_name):
                found.update(id_in(version_id) for version_id in answer["deleted"])
        return found & set(version_ids)

    def versions(self, name: str = "") -> Iterator[Version]:
        """See `Datastores`. Filters the response, because some servers ignore the query."""
        listed = self._versions({"name": name} if name else {})
        return (version for version in listed if name in ("", version.ref.name))

    def quota(self) -> Quota:
        with raising_not_understood(self.place_name):
            answer = cast("accounts.Quota", self._connection.call("GET", f"/v1/core/{self._cluster}/quota"))
            return Quota(int(answer["used"]), int(answer["limit"]))

    def details(self, ref: VersionRef) -> Details:
        answer = self._connection.call("GET", f"{self._path(ref)}/details")
        with raising_not_understood(self.place_name):
            return wire.details_in(cast("wire.DetailsResponse", answer))

    def find(self, ref: VersionRef) -> Version:
        """See `Datastores`. Filters the response, because some servers ignore the query and return all versions."""
        query = {"name": ref.name, "version": str(ref.number), "includeDeleted": "true"}
        if found := next((version for version in self._versions(query) if version.ref == ref), None):
            return found
        numbers = [version.ref.number for version in self.versions(ref.name)]
        raise NotFound.version(ref, numbers, len(numbers))

    def manifest(self, version: Version) -> Manifest:
        data = self._connection.read(f"{self._path_of(version)}/manifest")
        try:
            manifest = Manifest.decode(data)
        except InvalidInput as error:
            raise NotUnderstood.of(self.place_name) from error
        if version.fingerprint and manifest.fingerprint != version.fingerprint:  # an older server compares nothing
            raise Damaged(
                f"The list of files that {self.place_name} sent is not that of {version.ref}. Nothing was done."
                " Ask its operator to restore the version."
            )
        return manifest

    def files(self, version: Version) -> Iterator[FileEntry]:
        try:
            yield from read_files(self._connection.stream(f"{self._path_of(version)}/manifest"))
        except InvalidInput as error:
            raise NotUnderstood.of(self.place_name) from error

    def read_object(self, version: Version, name: str) -> Iterator[bytes]:
        return self._connection.stream(f"{self._path_of(version)}/objects/{name}")

    def local_object(self, _version: Version, _name: str) -> Path | None:
        return None

    def begin(self, name: str, source: Source, before: Callable[[Version], object] | None = None) -> Version:
        spec = {
            "version": 0,
            "source": source.location,
            "sourceType": wire.SOURCE_TYPES[source.kind],
            "clusterId": self._cluster,
        }
        created = self._connection.call("POST", self._versions_path(), json={"name": name, "spec": spec})
        with raising_not_understood(self.place_name):
            version = wire.version_in(cast("wire.Datastore", created))
        if before:
            before(version)
        return version

    def sink(self, version: Version, on_skipped: Callable[[int], object]) -> ObjectSink:
        return HttpSink(self._connection, self._path_of(version), on_skipped)

    def keep_active(self, version: Version) -> None:
        with suppress(Refusal):  # servers of Grid's own API may refuse an empty list of objects
            path = f"{self._path_of(version)}/presigned-urls/completed"
            self._connection.call("POST", path, json={"objects": []})

    def finish(self, version: Version, manifest: Manifest) -> Version:
        path = self._path_of(version)
        self._connection.call("PUT", f"{path}/manifest", content=manifest.encode())
        self._connection.call("POST", f"{path}/completed", json={})
        return self._wait_until_finished(path)

    def wait(self, version: Version) -> Version:
        return self._wait_until_finished(self._path_of(version))

    def start_fetch(self, version: Version) -> None:
        self._connection.call("POST", f"{self._path_of(version)}/completed", json={})

    def interrupted_fetches(self) -> Sequence[Version]:
        return []

    def abandon(self, version: Version) -> None:
        with suppress(NotFound):
            self._connection.call("DELETE", f"{self._path_of(version)}/upload")

    def delete(self, ref: VersionRef) -> Receipt | None:
        answer = cast("wire.DeleteDatastoreResponse", self._connection.call("DELETE", self._path(ref)))
        if answer == {}:  # servers of Grid's own API send no receipt
            return None
        with raising_not_understood(
            self.place_name, " It is unknown whether the version was deleted. Check with: grid datastore"
        ):
            receipt = wire.receipt_in(answer["receipt"])
            if receipt.ref != ref:
                raise ValueError
            return receipt

    def verdict(self, ref: VersionRef) -> Verdict:
        answer = self._connection.call("GET", f"{self._path(ref)}/deletion")
        with raising_not_understood(self.place_name):
            return wire.verdict_in(cast("wire.VerdictResponse", answer))

    def start(
        self, kind: WorkloadKind, name: str, mounts: Mapping[VersionRef, str], *, leased: bool = False
    ) -> Workload:
        ids = {self.find(ref).id: path for ref, path in mounts.items()}
        if kind is WorkloadKind.SESSION:
            inputs = [{"dsn": f"{workload_wire.DSN}{i}", "mountPath": path} for i, path in ids.items()]
        else:
            inputs = [{"id": i, "mountPath": path} for i, path in ids.items()]
        body = {"name": name, "spec": {"clusterId": self._cluster, "datastores": inputs, "leased": leased}}
        return self._workload(self._connection.call("POST", self._workloads_path(kind), json=body), kind)

    def heartbeat(self, run: Workload) -> Workload:
        path = f"{self._workloads_path(WorkloadKind.RUN)}/{run.id}/heartbeat"
        return self._workload(self._connection.call("POST", path), WorkloadKind.RUN)

    def end(self, run: Workload, state: WorkloadState) -> None:
        with suppress(NotThatState, NotFound):
            self._change_state(run, state)

    def workloads(self, kind: WorkloadKind, *, live: bool = False) -> Iterator[Workload]:
        """See `Datastores`. Filters the response, because some servers ignore the query."""
        listed = self._workloads(kind, {"live": "true"} if live else {})
        return (workload for workload in listed if workload.state.live or not live)

    def _workloads(self, kind: WorkloadKind, query: Mapping[str, str]) -> Iterator[Workload]:
        for answer in self._pages(self._workloads_path(kind), query):
            with raising_not_understood(self.place_name):
                page = cast("dict[str, list[workload_wire.Session | workload_wire.Run]]", answer)
                workloads = [workload_wire.workload_in(item, kind) for item in page[f"{kind.lower()}s"]]
            yield from workloads

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[object]:
        """Yield the answers with the pages of a list. While one of them is used, the next one is requested."""
        answer, seen = self._connection.call("GET", path, query=query), set[str]()
        while token := self._next_page(answer, seen):
            following = begin(partial(self._connection.call, "GET", path, query={**query, "pageToken": token}))
            yield answer
            answer = following()
        yield answer

    def _next_page(self, answer: object, seen: set[str]) -> str:
        """Return the token of the next page, and add it to those that were seen."""
        with raising_not_understood(self.place_name):
            token = str(cast("dict[str, object]", answer).get("nextPageToken") or "")
            if token in seen:
                raise ValueError("the server sends the same page again")
        seen.add(token)
        return token

    def set_state(self, kind: WorkloadKind, name: str, state: WorkloadState) -> Workload:
        workload = pick_by_name(list(self._workloads(kind, {"name": name})), kind, name)
        if state is WorkloadState.DELETED:
            self._connection.call("DELETE", f"{self._workloads_path(kind)}/{workload.id}")
            return workload
        return self._change_state(workload, state)

    def erase_deleted(self) -> None:
        """Do nothing, because the server erases deleted versions itself."""

    def close(self) -> None:
        self._connection.close()

    def _versions_path(self) -> str:
        return f"/v1/core/{self._cluster}/datastores"

    def _workloads_path(self, kind: WorkloadKind) -> str:
        return "/v1/core/sessions" if kind is WorkloadKind.SESSION else f"/v1/core/{self._cluster}/runs"

    def _path(self, ref: VersionRef) -> str:
        return f"{self._versions_path()}/{self.find(ref).id}"

    def _path_of(self, version: Version) -> str:
        return f"{self._versions_path()}/{version.id}"

    def _versions(self, query: Mapping[str, str]) -> Iterator[Version]:
        for answer in self._pages(self._versions_path(), {**query, "limit": _VERSIONS_PER_PAGE}):
            with raising_not_understood(self.place_name):
                versions = [wire.version_in(item) for item in cast("wire.ListDatastoresResponse", answer)["datastores"]]
            yield from versions

    def _wait_until_finished(self, path: str) -> Version:
        begun = time.monotonic()
        while True:
            with raising_not_understood(self.place_name):
                version = wire.version_in(cast("wire.Datastore", self._connection.call("GET", path)))
            if not version.phase.unfinished:
                return require_available(version)
            waited = time.monotonic() - begun
            time.sleep(max(_MIN_POLL_INTERVAL, min(waited / _POLLS, _MAX_POLL_INTERVAL)))

    def _change_state(self, workload: Workload, state: WorkloadState) -> Workload:
        path = f"{self._workloads_path(workload.kind)}/{workload.id}"
        body = {"spec": {"desiredState": _STATES[workload.kind][state]}}
        return self._workload(self._connection.call("PUT", path, json=body), workload.kind)

    def _workload(self, answer: object, kind: WorkloadKind) -> Workload:
        with raising_not_understood(self.place_name):
            return workload_wire.workload_in(cast("workload_wire.Session | workload_wire.Run", answer), kind)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + wire.MAX_IDS] for start in range(0, len(ids), wire.MAX_IDS))
