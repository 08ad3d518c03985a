"""The refusals: one class each, with one message for all surfaces.

`reason` is the machine-readable name, `code` the google.rpc code, `status` the HTTP status, `exit_code` the CLI's exit
code (2 for a usage error, 1 for a refusal). The client rebuilds a refusal from its reason and message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from grid_datastores.domain.commands import delete_command, end_command, recreate_hint, release_command
from grid_datastores.domain.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grid_datastores.domain.model import Holder, Phase, Quota, Version, VersionRef, WorkloadKind

INVALID_ARGUMENT = 3
NOT_FOUND = 5
ALREADY_EXISTS = 6
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16


class OutcomeUnknown(KeyboardInterrupt):
    """A change was interrupted before its answer, so its outcome is unknown. The text is a sentence for the user."""


class Refusal(Exception):
    """A request was refused or failed, and nothing has changed.

    If that is not certain, `doubt` says so. It is the end of `message`; `base_message` is the message without it.
    `public_message` is for the users of a server: it has no path or address that only its operator should know.
    """

    reason: ClassVar[str] = "REFUSED"
    code: ClassVar[int] = FAILED_PRECONDITION
    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 1
    public: ClassVar[str] = ""  # the default of `public_message`, in place of `message`

    def __init__(
        self, message: str, metadata: Mapping[str, str] | None = None, doubt: str = "", public: str = ""
    ) -> None:
        super().__init__(message + doubt)
        self.base_message = message
        self.doubt = doubt
        self.message = message + doubt
        self.public_message = public or self.public or self.message
        self.metadata = dict(metadata or {})


class InvalidInput(Refusal):
    """The input is not valid: a bad name, number, path or request."""

    reason = "INVALID_INPUT"
    code = INVALID_ARGUMENT
    exit_code = 2


class NotSignedIn(Refusal):
    """The user or key is missing or wrong."""

    reason = "NOT_SIGNED_IN"
    code = UNAUTHENTICATED
    status = 401


class TooManyAttempts(Refusal):
    """There were too many wrong keys for this user from this address. For a while, only the right key is accepted."""

    reason = "TOO_MANY_ATTEMPTS"
    code = RESOURCE_EXHAUSTED
    status = 429

    @classmethod
    def wait(cls, seconds: int) -> TooManyAttempts:
        """State how long to wait."""
        return cls(
            f"There were too many attempts to sign in with a wrong key. Try again in {seconds} seconds.",
            {"retryAfter": str(seconds)},
        )


class HostRefused(Refusal):
    """The request names a host that this server does not serve, as in a DNS rebinding attack."""

    reason = "HOST_NOT_ALLOWED"
    status = 421

    @classmethod
    def of(cls, host: str) -> HostRefused:
        """State how the operator can allow the name."""
        return cls(
            f"This server does not accept requests for the host {host[:100]!r}. Nothing was done."
            " Its operator can allow the host with GRID_ALLOWED_HOSTS."
        )


class TooLarge(Refusal):
    """The body of the request is larger than the server accepts."""

    reason = "REQUEST_TOO_LARGE"
    code = INVALID_ARGUMENT
    status = 413

    @classmethod
    def than(cls, maximum: int, unit: str = "bytes") -> TooLarge:
        """State the maximum."""
        return cls(f"This request is too large. Nothing was done. The maximum is {maximum:,} {unit}.")


class CrossOriginForm(Refusal):
    """A form that was not sent from a page of this server: another site may have sent it in your name (CSRF)."""

    reason = "CROSS_ORIGIN_FORM"
    status = 403

    @classmethod
    def at(cls, address: str) -> CrossOriginForm:
        """Says at which address of the server its pages can be opened."""
        return cls(
            "This form was not sent from a page of this server, so nothing was done."
            f" Open {address} and repeat it there."
        )


class NotFound(Refusal):
    """The user has nothing with this name or id (rules delete-unknown, private-to-owner)."""

    MAX_NUMBERS: ClassVar[int] = 20  # that a message lists
    reason = "NOT_FOUND"
    code = NOT_FOUND
    status = 404

    @classmethod
    def version(cls, ref: VersionRef, numbers: Sequence[int], total: int) -> NotFound:
        """State that the version never existed, and which versions exist. Of many, state how many and the newest.

        `numbers` are the newest of the `total` versions.
        """
        if total > cls.MAX_NUMBERS:
            return cls(f"There is no {ref}. It has {total} versions, the newest is {max(numbers)}.")
        if numbers:
            known = ", ".join(map(str, numbers))
            return cls(f"There is no {ref}. It has {'version' if len(numbers) == 1 else 'versions'} {known}.")
        return cls(f"There is no {ref}. You have no versions under this name.")

    @classmethod
    def id(cls, kind: str, value: str) -> NotFound:
        """State that nothing of this kind has this id."""
        return cls(f"There is no {kind} with the id {value}.")


class AlreadyDeleted(Refusal):
    """The version existed and has been deleted (rule delete-unknown)."""

    reason = "DATASTORE_ALREADY_DELETED"
    code = NOT_FOUND
    status = 410

    @classmethod
    def of(cls, version: Version) -> AlreadyDeleted:
        """State when and by whom it was deleted. A failed upload is not deleted by a user."""
        when = f"on {format_utc(version.deleted_at)}" if version.deleted_at else "at an unknown time"
        what = f"never finished and was abandoned {when}."
        if version.deleted_by:
            what = f"already deleted {when} by {version.deleted_by}. It was not deleted again."
        return cls(f"{_capitalized(version.ref)} was {what}{recreate_hint(version)}")


class InUse(Refusal):
    """A Session or Run has mounted the version (rule in-use-refused)."""

    reason = "DATASTORE_IN_USE"
    status = 409

    @classmethod
    def of(cls, ref: VersionRef, holders: Sequence[Holder]) -> InUse:
        """Name every holder: its kind, name, state, since when, and the command that releases it."""
        names = [f"{h.kind} {h.name} ({h.state} since {format_utc(h.since)})" for h in holders]
        commands = [release_command(holder) for holder in holders]
        if len(holders) == 1:
            users, release = names[0], f" {commands[0]}"
        else:
            users = f"{len(holders)} Sessions and Runs"
            release = "".join(f"\n  {command}  # {name}" for command, name in zip(commands, names, strict=True))
        return cls(
            f"{_capitalized(ref)} is in use by {users}. The version was not deleted. To release it:{release}",
            {"holders": ", ".join(h.name for h in holders)},
        )


class NotMountable(Refusal):
    """The version is not available, so it cannot be mounted (rule in-use-no-mount-after)."""

    reason = "DATASTORE_NOT_AVAILABLE"
    status = 409

    @classmethod
    def of(cls, ref: VersionRef, phase: Phase) -> NotMountable:
        """State the version's phase."""
        return cls(f"{_capitalized(ref)} cannot be mounted: it is {phase}, not available.")


class NotReadable(Refusal):
    """The version is not available, so it cannot be read or downloaded."""

    reason = "DATASTORE_NOT_READABLE"
    status = 409

    @classmethod
    def of(cls, ref: VersionRef, phase: Phase) -> NotReadable:
        """State the version's phase."""
        return cls(f"{_capitalized(ref)} cannot be read: it is {phase}, not available.")


class Immutable(Refusal):
    """The version is finished and takes no more data (rule version-immutable)."""

    reason = "DATASTORE_IMMUTABLE"
    status = 409

    @classmethod
    def of(cls, ref: VersionRef, phase: Phase) -> Immutable:
        """State the version's phase and what to do instead."""
        return cls(f"{_capitalized(ref)} is {phase} and cannot be changed. Upload again to make a new version.")


class UploadInvalid(Refusal):
    """The uploaded data is incomplete, or it does not match what the upload announced."""

    reason = "UPLOAD_INVALID"


class UploadInterrupted(Refusal):
    """An upload or a fetch was interrupted. It can resume where it stopped (rule upload-resumed)."""

    reason = "UPLOAD_INTERRUPTED"


class QuotaReached(Refusal):
    """The user has the maximum number of versions (rule quota-limit)."""

    MAX_LISTED: ClassVar[int] = 3  # versions
    reason = "QUOTA_REACHED"
    code = RESOURCE_EXHAUSTED
    status = 429

    @classmethod
    def of(cls, quota: Quota, unused: Sequence[VersionRef]) -> QuotaReached:
        """State how to make room: list the first of the `unused` versions, which are sorted, unused longest first."""
        commands = "".join(f"\n  {delete_command(ref)}" for ref in unused[: cls.MAX_LISTED])
        room = f"To make room, delete a version that is not in use:{commands}"
        if len(unused) > cls.MAX_LISTED:
            room += "\nThese are unused longest. To list all your versions: grid datastore"
        if not unused:
            room = (
                "All of them are in use. To see by which Session or Run, then end it:"
                " grid datastore show --name NAME --version VERSION"
            )
        return cls(f"You have {quota.used} of {quota.limit} versions, so no version was created. {room}")


class NameTaken(Refusal):
    """The name is in use: by another user, or by a live workload of this kind."""

    reason = "NAME_TAKEN"
    code = ALREADY_EXISTS
    status = 409

    @classmethod
    def workload(cls, kind: WorkloadKind, name: str) -> NameTaken:
        """State how to end the workload that has the name."""
        end = end_command(kind, name)
        return cls(f"{kind} {name} already exists. Choose another name, or end it with: {end}")


class NotThatState(Refusal):
    """The workload cannot change from its state to the requested one."""

    reason = "WORKLOAD_STATE"
    status = 409


class SourceFailed(Refusal):
    """The data could not be read from its source: it is missing, unreadable, or changed meanwhile."""

    reason = "SOURCE_FAILED"


class NoSpace(Refusal):
    """The disk is full."""

    reason = "NO_SPACE"
    code = RESOURCE_EXHAUSTED
    status = 507


class CatalogFailed(Refusal):
    """The catalog cannot be opened, read or written."""

    reason = "CATALOG_FAILED"
    public = "The server cannot use its catalog, so nothing was done. Try again. If it fails again, tell its operator."
    code = UNAVAILABLE
    status = 503


class Busy(Refusal):
    """Other changes to the catalog did not end in time, so this change was not begun. Reading goes on."""

    TIMEOUT: ClassVar[int] = 10  # seconds for which a change waits; others take only milliseconds
    RETRY_AFTER: ClassVar[int] = 5  # seconds
    reason = "BUSY"
    code = UNAVAILABLE
    status = 503

    @classmethod
    def waited(cls) -> Busy:
        """State how long the change waited, and when to try again."""
        return cls(
            f"Other changes did not end within {cls.TIMEOUT} seconds, so this change was not made."
            " Try again in a few seconds.",
            {"retryAfter": str(cls.RETRY_AFTER)},
        )


class Damaged(Refusal):
    """The stored bytes are not the uploaded ones."""

    reason = "DATA_DAMAGED"
    code = INTERNAL
    status = 500


class Unreachable(Refusal):
    """The server cannot be reached or did not answer."""

    reason = "UNREACHABLE"
    code = UNAVAILABLE
    status = 503


class NoSuchOperation(Refusal):
    """The HTTP API has no such path (status 404), or the path does not support this method (status 405)."""

    reason = "NO_SUCH_OPERATION"
    code = NOT_FOUND
    status = 404


class InternalError(Refusal):
    """The server failed unexpectedly, because of a bug."""

    reason = "INTERNAL"
    code = INTERNAL
    status = 500


class NotUnderstood(Refusal):
    """The server's answer does not conform to Grid's v1 API."""

    reason = "NOT_UNDERSTOOD"
    code = UNAVAILABLE
    status = 502

    @classmethod
    def of(cls, url: str, doubt: str = "") -> NotUnderstood:
        """Name the server, and state whether the outcome is known."""
        return cls(f"The answer of {url} is not valid. Is it a server with Grid's v1 API?", doubt=doubt)


def refusal_of_reason(reason: str, message: str) -> Refusal:
    """Return the refusal that a server sent, as its class, or as a plain `Refusal` if its reason is unknown."""
    kinds = {kind.reason: kind for kind in Refusal.__subclasses__()}
    return kinds.get(reason, Refusal)(message)


def _capitalized(ref: VersionRef) -> str:
    text = str(ref)
    return text[0].upper() + text[1:]
