"""The same use cases over HTTP."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

from grid_datastores.domain.errors import InvalidInput, NotFound, NotThatState, NotUnderstood, Refusal
from grid_datastores.domain.model import Place, Quota, Version, WorkloadKind, WorkloadState
from grid_datastores.domain.rules import available, choose_named
from grid_datastores.gateway.connection import Connection, understood
from grid_datastores.gateway.credentials import LOCAL, Server
from grid_datastores.gateway.http_uploads import HttpSink
from grid_datastores.storage.manifest import Manifest, read_files
from grid_datastores.wire import datastores as wire
from grid_datastores.wire import workloads as workload_wire
from grid_datastores.wire.common import id_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from grid_datastores.domain.model import Details, FileEntry, Receipt, Source, Verdict, VersionRef, Workload
    from grid_datastores.storage import ObjectSink
    from grid_datastores.wire import accounts

_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0  # seconds between two looks at a version that is being finished
_STATES = {WorkloadKind.SESSION: workload_wire.SESSION_STATES, WorkloadKind.RUN: workload_wire.RUN_STATES}


def sign_in(url: str, name: str, key: str) -> Server:
    """Ask the server who this is; raises `NotSignedIn` when the name or key is wrong."""
    connection = Connection(url, None)
    try:
        with _found(url):
            connection.call("POST", "/v1/auth/login", json={"username": name, "apiKey": key})
        signed = Connection(url, (name, key))
        try:
            user = cast("accounts.UserResponse", signed.call("GET", "/v1/auth/user"))
            clusters = cast("accounts.ListClustersResponse", signed.call("GET", "/v1/core/clusters"))
            with understood(url):
                return Server(url, user["id"], key, id_in(clusters["defaultCluster"] or LOCAL))
        finally:
            signed.close()
    finally:
        connection.close()


@contextmanager
def _found(url: str) -> Iterator[None]:
    """A server of Grid's v1 API knows the address of its sign-in."""
    try:
        yield
    except Refusal as error:
        if error.metadata.get("status") != "404":
            raise
        raise Refusal(f"{error.message} {url} is not the address of a Grid server.") from error


class HttpDatastores:
    """See `Datastores`."""

    fetches_here = False

    def __init__(self, server: Server, patience: float | None = None) -> None:
        self._connection = Connection(server.url, (server.user_id, server.api_key), patience)
        self._cluster = server.cluster
        self._user_id = server.user_id
        self._identity: Place | None = None
        self.place = server.url

    def identity(self) -> Place:
        """The id that the server keeps, and the user's; a server that keeps none is known by its address."""
        if self._identity is None:
            kept, user = self._ask_identity()
            named = f"{self.place}/{user}"
            earlier = (self.place, named) if kept else (self.place,)
            self._identity = Place(f"{kept}/{user}" if kept else named, self.place, earlier)
        return self._identity

    def _ask_identity(self) -> tuple[str, str]:
        try:
            answer = cast("accounts.UserResponse", self._connection.call("GET", "/v1/auth/user"))
        except Refusal as error:
            if error.metadata.get("status") != "404":
                raise
            return "", self._user_id
        with understood(self.place):
            kept = answer.get("placeId")
            return id_in(kept) if kept is not None else "", id_in(answer["id"])

    def deleted(self, version_ids: Collection[str]) -> Collection[str]:
        found: set[str] = set()
        for ids in _batches(sorted(version_ids)):
            path = f"/v1/core/{self._cluster}/deletions"
            answer = cast("wire.DeletedResponse", self._connection.call("GET", path, query={"id": ids}))
            with understood(self.place):
                found.update(id_in(version_id) for version_id in answer["deleted"])
        return found & set(version_ids)

    def versions(self) -> Sequence[Version]:
        return self._list({})

    def quota(self) -> Quota:
        with understood(self.place):
            answer = cast("accounts.Quota", self._connection.call("GET", f"/v1/core/{self._cluster}/quota"))
            return Quota(int(answer["used"]), int(answer["limit"]))

    def details(self, ref: VersionRef) -> Details:
        answer = self._connection.call("GET", f"{self._path(ref)}/details")
        with understood(self.place):
            return wire.details_in(cast("wire.DetailsResponse", answer))

    def find(self, ref: VersionRef) -> Version:
        """The version, deleted or not. A server that knows no such query is asked for all, and chosen from."""
        query = {"name": ref.name, "version": str(ref.number), "includeDeleted": "true"}
        if found := [version for version in self._list(query) if version.ref == ref]:
            return found[0]
        raise NotFound.version(ref, [v.ref.number for v in self.versions() if v.ref.name == ref.name])

    def manifest(self, version: Version) -> Manifest:
        data = self._connection.read(f"{self._path_of(version)}/manifest")
        try:
            return Manifest.decode(data)
        except InvalidInput as error:
            raise NotUnderstood.of(self.place) from error

    def files(self, version: Version) -> Iterator[FileEntry]:
        try:
            yield from read_files(self._connection.stream(f"{self._path_of(version)}/manifest"))
        except InvalidInput as error:
            raise NotUnderstood.of(self.place) from error

    def read_object(self, version: Version, name: str) -> Iterator[bytes]:
        return self._connection.stream(f"{self._path_of(version)}/objects/{name}")

    def local_object(self, _version: Version, _name: str) -> Path | None:
        return None

    def begin(self, name: str, source: Source) -> Version:
        spec = {
            "version": 0,
            "source": source.location,
            "sourceType": wire.SOURCE_TYPES[source.kind],
            "clusterId": self._cluster,
        }
        created = self._connection.call("POST", self._versions_path(), json={"name": name, "spec": spec})
        with understood(self.place):
            return wire.version_in(cast("wire.Datastore", created))

    def sink(self, version: Version, skipped: Callable[[int], object]) -> ObjectSink:
        return HttpSink(self._connection, self._path_of(version), skipped)

    def keep_active(self, version: Version) -> None:
        with suppress(Refusal):  # a server of Grid's own may refuse to be told of no object
            path = f"{self._path_of(version)}/presigned-urls/completed"
            self._connection.call("POST", path, json={"objects": []})

    def finish(self, version: Version, manifest: Manifest) -> Version:
        path = self._path_of(version)
        self._connection.call("PUT", f"{path}/manifest", content=manifest.encode())
        self._connection.call("POST", f"{path}/completed", json={})
        return self._finished(path)

    def wait(self, version: Version) -> Version:
        return self._finished(self._path_of(version))

    def order(self, version: Version) -> None:
        self._connection.call("POST", f"{self._path_of(version)}/completed", json={})

    def interrupted_fetches(self) -> Sequence[Version]:
        return []

    def abandon(self, version: Version) -> None:
        with suppress(NotFound):
            self._connection.call("DELETE", f"{self._path_of(version)}/upload")

    def delete(self, ref: VersionRef) -> Receipt | None:
        answer = cast("wire.DeleteDatastoreResponse", self._connection.call("DELETE", self._path(ref)))
        if answer == {}:  # all that Grid's own API answers
            return None
        with understood(self.place, " It is not known whether it was deleted; look with: grid datastore"):
            receipt = wire.receipt_in(answer["receipt"])
            if receipt.ref != ref:
                raise ValueError
            return receipt

    def verdict(self, ref: VersionRef) -> Verdict:
        answer = self._connection.call("GET", f"{self._path(ref)}/deletion")
        with understood(self.place):
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
            self._step(run, state)

    def workloads(self, kind: WorkloadKind) -> Sequence[Workload]:
        answer = self._connection.call("GET", self._workloads_path(kind))
        with understood(self.place):
            listed = cast("dict[str, list[workload_wire.Session | workload_wire.Run]]", answer)
            return [workload_wire.workload_in(item, kind) for item in listed[f"{kind.lower()}s"]]

    def set_state(self, kind: WorkloadKind, name: str, wanted: WorkloadState) -> Workload:
        workload = choose_named(self.workloads(kind), kind, name)
        if wanted is WorkloadState.DELETED:
            self._connection.call("DELETE", f"{self._workloads_path(kind)}/{workload.id}")
            return workload
        return self._step(workload, wanted)

    def erase_deleted(self) -> None:
        """The server erases by itself."""

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

    def _list(self, query: Mapping[str, str]) -> list[Version]:
        answer = cast("wire.ListDatastoresResponse", self._connection.call("GET", self._versions_path(), query=query))
        with understood(self.place):
            return [wire.version_in(item) for item in answer["datastores"]]

    def _finished(self, path: str) -> Version:
        wait = _FIRST_WAIT
        while True:
            with understood(self.place):
                version = wire.version_in(cast("wire.Datastore", self._connection.call("GET", path)))
            if not version.phase.unfinished:
                return available(version)
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _step(self, workload: Workload, wanted: WorkloadState) -> Workload:
        path = f"{self._workloads_path(workload.kind)}/{workload.id}"
        body = {"spec": {"desiredState": _STATES[workload.kind][wanted]}}
        return self._workload(self._connection.call("PUT", path, json=body), workload.kind)

    def _workload(self, answer: object, kind: WorkloadKind) -> Workload:
        with understood(self.place):
            return workload_wire.workload_in(cast("workload_wire.Session | workload_wire.Run", answer), kind)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + wire.MOST_IDS] for start in range(0, len(ids), wire.MOST_IDS))
