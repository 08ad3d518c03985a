"""The wire format of datastores. In Grid's API, a datastore is one version, and its id is permanent."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired

from typing_extensions import TypedDict

from grid_datastores.domain.model import (
    Details,
    Event,
    EventKind,
    FileEntry,
    Holder,
    Phase,
    Quota,
    Receipt,
    RemainingVersion,
    Source,
    SourceKind,
    Verdict,
    Version,
    VersionRef,
    WorkloadKind,
    WorkloadState,
)
from grid_datastores.wire import accounts
from grid_datastores.wire.common import id_in, required_time_in, time_in, time_out

if TYPE_CHECKING:
    from collections.abc import Sequence

MIB = 1024 * 1024
MAX_IDS = 100  # per request, because proxies limit the length of URLs

_SOURCE = "DATASTORE_SOURCE_TYPE_"
SOURCE_TYPES = {
    SourceKind.FILES: f"{_SOURCE}EXPANDED_FILES",
    SourceKind.ARCHIVE: f"{_SOURCE}HTTP_URL",
    SourceKind.BUCKET: f"{_SOURCE}OBJECT_STORE",
    SourceKind.REFERENCE: f"{_SOURCE}OBJECT_STORE_REFERENCE_ONLY",
}
SOURCE_KINDS = {text: kind for kind, text in SOURCE_TYPES.items()}

_STATUS = "DATASTORE_OPTIMIZATION_STATUS_"
PHASES = {
    Phase.UPLOADING: f"{_STATUS}UNSPECIFIED",
    Phase.FETCHING: f"{_STATUS}CLOUD_RESOURCES_PENDING",  # the nearest value of Grid's enumeration
    Phase.OPTIMIZING: f"{_STATUS}OPTIMIZING",
    Phase.AVAILABLE: f"{_STATUS}SUCCEEDED",
    Phase.FAILED: f"{_STATUS}FAILED",
    Phase.DELETED: f"{_STATUS}DELETED",
}
_PHASES_IN = {text: phase for phase, text in PHASES.items()} | {f"{_STATUS}POD_PENDING": Phase.OPTIMIZING}
_STATES = {
    Phase.UPLOADING: "DATASTORE_STATE_UPLOADING",
    Phase.DELETED: "DATASTORE_STATE_DELETED",
}


class DatastoreSpec(TypedDict, total=False):
    """The properties of a version. `sizeBytes` is in bytes, `sizeMib` in MiB, rounded up."""

    clusterId: str
    userId: str
    version: int
    source: str
    sourceType: str
    sizeMib: int
    uploadedAt: str | None
    sizeBytes: str
    fileCount: str
    fingerprint: str


class DatastoreStatus(TypedDict, total=False):
    """The status of a version."""

    phase: str
    message: str
    lastUsedAt: str | None
    lastUsedBy: str
    deletedAt: str | None
    deletedBy: str
    bytesGoneAt: str | None


class Datastore(TypedDict):
    """One version."""

    id: str
    name: str
    createdAt: str | None
    spec: DatastoreSpec
    status: DatastoreStatus


class CreateDatastoreRequest(TypedDict, total=False):
    """A new version under a name. The server chooses its number."""

    name: str
    spec: DatastoreSpec


class ListDatastoresResponse(TypedDict):
    """Versions, sorted by name and number."""

    datastores: list[Datastore]
    nextPageToken: str


class DatastoreFile(TypedDict):
    """One file of a version. `url` serves its content without credentials until it expires."""

    filename: str
    sizeBytes: str
    sha256: str
    md5Checksum: str
    lastModified: str | None
    executable: bool
    url: str


class ListFilesResponse(TypedDict):
    """Files of a version, sorted by path."""

    files: list[DatastoreFile]
    nextPageToken: str


class DatastoreEvent(TypedDict, total=False):
    """One event in a version's history."""

    id: str
    timestamp: str | None
    message: str
    phase: str
    desiredState: str
    kind: str
    actor: str


class ListEventsResponse(TypedDict):
    """A version's history, oldest first."""

    events: list[DatastoreEvent]


class HolderJson(TypedDict):
    """A workload that holds a version."""

    kind: str
    id: str
    name: str
    state: str
    since: str | None


class DetailsResponse(TypedDict):
    """A version, deleted or not, with its holders and history."""

    datastore: Datastore
    holders: list[HolderJson]
    events: list[DatastoreEvent]


class KeptJson(TypedDict):
    """A version that remains."""

    version: int
    fingerprint: str


class ReceiptJson(TypedDict):
    """The result of a deletion. Sizes are in bytes.

    `kept` has the newest of the datastore's other versions, sorted, and `keptTotal` is how many there are.
    `mayHaveCopies` is true if a Run has mounted the version: another machine may have a copy until its next `grid`
    command on these datastores.
    """

    id: str
    name: str
    version: int
    source: str
    sourceType: str
    fileCount: str
    sizeBytes: str
    deletedAt: str | None
    kept: list[KeptJson]
    keptTotal: NotRequired[int]
    quotaBefore: accounts.Quota
    quotaAfter: accounts.Quota
    mayHaveCopies: NotRequired[bool]


class DeletedResponse(TypedDict):
    """Those of the requested versions that are deleted or not the user's."""

    deleted: list[str]


class DeleteDatastoreResponse(TypedDict):
    """The version is deleted."""

    receipt: NotRequired[ReceiptJson]


class VerdictResponse(TypedDict):
    """What a delete would answer now: the refusal's message ("" for none), and the receipt."""

    refusal: str
    receipt: ReceiptJson


def version_out(version: Version, cluster: str) -> Datastore:
    """Convert a version to JSON."""
    return {
        "id": version.id,
        "name": version.ref.name,
        "createdAt": time_out(version.created_at),
        "spec": {
            "clusterId": cluster,
            "userId": version.owner_id,
            "version": version.ref.number,
            "source": version.source.location,
            "sourceType": SOURCE_TYPES[version.source.kind],
            "sizeMib": -(-version.size_bytes // MIB),
            "uploadedAt": time_out(version.finished_at),
            "sizeBytes": str(version.size_bytes),
            "fileCount": str(version.file_count),
            "fingerprint": version.fingerprint,
        },
        "status": {
            "phase": PHASES[version.phase],
            "message": version.message,
            "lastUsedAt": time_out(version.last_used_at),
            "lastUsedBy": version.last_used_by,
            "deletedAt": time_out(version.deleted_at),
            "deletedBy": version.deleted_by,
            "bytesGoneAt": time_out(version.bytes_gone_at),
        },
    }


def version_in(data: Datastore) -> Version:
    """Convert a version from JSON, which may have only Grid's own fields."""
    spec, status = data["spec"], data["status"]
    return Version(
        id=id_in(data["id"]),
        owner_id=spec.get("userId", ""),
        ref=VersionRef(data["name"], int(spec["version"])),
        source=Source(SOURCE_KINDS.get(spec.get("sourceType", ""), SourceKind.FILES), spec.get("source", "")),
        phase=_PHASES_IN[status["phase"]],
        message=status.get("message", ""),
        created_at=required_time_in(data.get("createdAt")),
        finished_at=time_in(spec.get("uploadedAt")),
        size_bytes=int(spec.get("sizeBytes") or int(spec.get("sizeMib", 0)) * MIB),
        file_count=int(spec.get("fileCount") or 0),
        fingerprint=spec.get("fingerprint", ""),
        last_used_at=time_in(status.get("lastUsedAt")),
        last_used_by=status.get("lastUsedBy", ""),
        deleted_at=time_in(status.get("deletedAt")),
        deleted_by=status.get("deletedBy", ""),
        bytes_gone_at=time_in(status.get("bytesGoneAt")),
    )


def file_out(file: FileEntry, version: Version, url: str) -> DatastoreFile:
    """Convert a file to JSON. Grid's MD5 field is always empty: contents are identified by SHA-256."""
    return {
        "filename": file.path,
        "sizeBytes": str(file.size),
        "sha256": file.sha256,
        "md5Checksum": "",
        "lastModified": time_out(file.modified_at or version.finished_at),
        "executable": file.executable,
        "url": url,
    }


def event_out(event: Event) -> DatastoreEvent:
    """Convert an event to JSON, with the version's phase after it."""
    phase = {
        EventKind.CREATED: Phase.UPLOADING,
        EventKind.FAILED: Phase.FAILED,
        EventKind.DELETED: Phase.DELETED,
        EventKind.BYTES_GONE: Phase.DELETED,
    }.get(event.kind, Phase.AVAILABLE)
    return {
        "id": str(event.id),
        "timestamp": time_out(event.at),
        "message": event.message,
        "phase": PHASES[phase],
        "desiredState": _STATES.get(phase, "DATASTORE_STATE_CREATED"),
        "kind": event.kind.value,
        "actor": event.actor,
    }


def event_in(data: DatastoreEvent) -> Event:
    """Convert an event from JSON."""
    return Event(
        int(data["id"]), required_time_in(data["timestamp"]), data["actor"], EventKind(data["kind"]), data["message"]
    )


def details_out(details: Details, cluster: str) -> DetailsResponse:
    """Convert a version's details to JSON."""
    return {
        "datastore": version_out(details.version, cluster),
        "holders": [holder_out(holder) for holder in details.holders],
        "events": [event_out(event) for event in details.history],
    }


def details_in(data: DetailsResponse) -> Details:
    """Convert a version's details from JSON."""
    return Details(
        version_in(data["datastore"]),
        tuple(_holder_in(holder) for holder in data["holders"]),
        tuple(event_in(event) for event in data["events"]),
    )


def receipt_out(receipt: Receipt) -> ReceiptJson:
    """Convert a receipt to JSON."""
    return {
        "id": receipt.id,
        "name": receipt.ref.name,
        "version": receipt.ref.number,
        "source": receipt.source.location,
        "sourceType": SOURCE_TYPES[receipt.source.kind],
        "fileCount": str(receipt.file_count),
        "sizeBytes": str(receipt.size_bytes),
        "deletedAt": time_out(receipt.deleted_at),
        "kept": _remaining_out(receipt.remaining),
        "keptTotal": receipt.remaining_total,
        "quotaBefore": quota_out(receipt.quota_before),
        "quotaAfter": quota_out(receipt.quota_after),
        "mayHaveCopies": receipt.may_have_copies,
    }


def receipt_in(data: ReceiptJson) -> Receipt:
    """Convert a receipt from JSON."""
    return Receipt(
        id=id_in(data["id"]),
        ref=VersionRef(data["name"], data["version"]),
        source=Source(SOURCE_KINDS[data["sourceType"]], data["source"]),
        file_count=int(data["fileCount"]),
        size_bytes=int(data["sizeBytes"]),
        deleted_at=required_time_in(data["deletedAt"]),
        remaining=tuple(RemainingVersion(kept["version"], kept["fingerprint"]) for kept in data["kept"]),
        remaining_total=int(data.get("keptTotal", len(data["kept"]))),  # older servers list all
        quota_before=Quota(**data["quotaBefore"]),
        quota_after=Quota(**data["quotaAfter"]),
        may_have_copies=data.get("mayHaveCopies") is True,
    )


def verdict_out(verdict: Verdict) -> VerdictResponse:
    """Convert a verdict to JSON."""
    return {"refusal": verdict.refusal, "receipt": receipt_out(verdict.receipt)}


def verdict_in(data: VerdictResponse) -> Verdict:
    """Convert a verdict from JSON."""
    return Verdict(data["refusal"], receipt_in(data["receipt"]))


def quota_out(quota: Quota) -> accounts.Quota:
    """Convert a quota to JSON."""
    return {"used": quota.used, "limit": quota.limit}


def _remaining_out(versions: Sequence[RemainingVersion]) -> list[KeptJson]:
    return [{"version": version.number, "fingerprint": version.fingerprint} for version in versions]


def holder_out(holder: Holder) -> HolderJson:
    """Convert a holder to JSON."""
    return {
        "kind": holder.kind.value,
        "id": holder.id,
        "name": holder.name,
        "state": holder.state.value,
        "since": time_out(holder.since),
    }


def _holder_in(data: HolderJson) -> Holder:
    return Holder(
        WorkloadKind(data["kind"]),
        id_in(data["id"]),
        data["name"],
        WorkloadState(data["state"]),
        required_time_in(data["since"]),
    )
