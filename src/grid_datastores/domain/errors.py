"""Every refusal: one class each, with one message that all surfaces show.

`reason` is the machine-readable name, `code` the google.rpc code, `status` the HTTP status, `exit_code` the
CLI's exit code (2 usage, 1 refused). The client rebuilds a refusal from its reason and message.
"""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, ClassVar

from grid_datastores.domain.model import SourceKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from grid_datastores.domain.model import Holder, Phase, Quota, Version, VersionRef, WorkloadKind

INVALID_ARGUMENT = 3
NOT_FOUND = 5
ALREADY_EXISTS = 6
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16
FEW_HOLDERS = 2  # as many are named in the line; more are a list


class InterruptedInDoubt(KeyboardInterrupt):
    """Ctrl-C after a change was asked for and before the answer: it may be done. The text is a sentence for people."""


class Refusal(Exception):
    """Something that was asked for and is not done; nothing has changed.

    Where that is not sure, `doubt` says so: the end of the message, which is `said` without it.
    """

    reason: ClassVar[str] = "REFUSED"
    code: ClassVar[int] = FAILED_PRECONDITION
    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, metadata: Mapping[str, str] | None = None, doubt: str = "") -> None:
        super().__init__(message + doubt)
        self.said = message
        self.doubt = doubt
        self.message = message + doubt
        self.metadata = dict(metadata or {})


class InvalidInput(Refusal):
    """What was typed cannot be right: a bad name, number, path or request."""

    reason = "INVALID_INPUT"
    code = INVALID_ARGUMENT
    exit_code = 2


class NotSignedIn(Refusal):
    """The user or key is missing or wrong."""

    reason = "NOT_SIGNED_IN"
    code = UNAUTHENTICATED
    status = 401


class TooManyAttempts(Refusal):
    """Somebody tries keys; for a while they are only told to wait, unless the key is right."""

    reason = "TOO_MANY_ATTEMPTS"
    code = RESOURCE_EXHAUSTED
    status = 429

    @classmethod
    def wait(cls, seconds: int) -> TooManyAttempts:
        """Says how long to wait."""
        return cls(
            f"There were too many attempts to sign in with a wrong key; try again in {seconds} seconds.",
            {"retryAfter": str(seconds)},
        )


class HostRefused(Refusal):
    """The request was sent to a name that this server does not answer to: a trick of DNS may have led it here."""

    reason = "HOST_NOT_ALLOWED"
    status = 421

    @classmethod
    def of(cls, host: str) -> HostRefused:
        """Says how the operator can allow it."""
        return cls(
            f"This server does not answer to the name {host[:100]!r}; nothing was done."
            " Its operator can allow the name with GRID_ALLOWED_HOSTS."
        )


class TooLarge(Refusal):
    """The body of a request is larger than anything that is sent there."""

    reason = "REQUEST_TOO_LARGE"
    code = INVALID_ARGUMENT
    status = 413

    @classmethod
    def than(cls, most: int) -> TooLarge:
        """Says how much is taken."""
        return cls(f"This request is too large: at most {most:,} bytes are taken here; nothing was done.")


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
    """Nothing of that name or id is there for this user (rules delete-unknown, private-to-owner)."""

    reason = "NOT_FOUND"
    code = NOT_FOUND
    status = 404

    @classmethod
    def version(cls, ref: VersionRef, numbers: Sequence[int]) -> NotFound:
        """There never was such a version; says which there are."""
        if numbers:
            known = ", ".join(map(str, numbers))
            return cls(f"There is no {ref}; it has {'version' if len(numbers) == 1 else 'versions'} {known}.")
        return cls(f"There is no {ref}: you have no datastore of that name with versions.")

    @classmethod
    def id(cls, kind: str, value: str) -> NotFound:
        """There never was a thing of this kind with this id."""
        return cls(f"There is no {kind} with the id {value}.")


class AlreadyDeleted(Refusal):
    """The version was there and has been deleted (rule delete-unknown)."""

    reason = "DATASTORE_ALREADY_DELETED"
    code = NOT_FOUND
    status = 410

    @classmethod
    def of(cls, version: Version) -> AlreadyDeleted:
        """Says when it was deleted, and by whom; an upload that failed was deleted by nobody."""
        when = f"on {moment(version.deleted_at)}" if version.deleted_at else "at an unknown time"
        what = f"already deleted {when} by {version.deleted_by}"
        if not version.deleted_by:
            what = f"never finished, and what there was of it was dropped {when}"
        return cls(f"{_capital(version.ref)} was {what}. Nothing of it was changed.{_again(version)}")


class InUse(Refusal):
    """A Session or Run has the version mounted (rule in-use-refused)."""

    reason = "DATASTORE_IN_USE"
    status = 409

    @classmethod
    def of(cls, ref: VersionRef, holders: Sequence[Holder]) -> InUse:
        """Names every holder: kind, name, state, since when, and how to release it."""
        before, between = ("", "; ") if len(holders) <= FEW_HOLDERS else ("these:\n  ", ";\n  ")
        users = before + between.join(
            f"{h.kind} {h.name} ({h.state} since {moment(h.since)}; release it with: {release_command(h)})"
            for h in holders
        )
        return cls(
            f"{_capital(ref)} cannot be deleted, it is in use by {users}. Nothing of it was deleted.",
            {"holders": ", ".join(h.name for h in holders)},
        )


class NotMountable(Refusal):
    """Only an available version can be mounted (rule in-use-no-mount-after)."""

    reason = "DATASTORE_NOT_AVAILABLE"
    status = 409

    @classmethod
    def of(cls, ref: VersionRef, phase: Phase) -> NotMountable:
        """Says in which phase the version is."""
        return cls(f"{_capital(ref)} cannot be mounted: it is {phase}, not available.")


class NotReadable(Refusal):
    """Only an available version can be read or downloaded."""

    reason = "DATASTORE_NOT_READABLE"
    status = 409

    @classmethod
    def of(cls, ref: VersionRef, phase: Phase) -> NotReadable:
        """Says in which phase the version is."""
        return cls(f"{_capital(ref)} cannot be read: it is {phase}, not available.")


class Immutable(Refusal):
    """A finished version takes no more data (rule version-immutable)."""

    reason = "DATASTORE_IMMUTABLE"
    status = 409

    @classmethod
    def of(cls, ref: VersionRef, phase: Phase) -> Immutable:
        """Says what to do instead."""
        return cls(f"{_capital(ref)} is {phase} and cannot be changed; upload again to make a new version.")


class UploadInvalid(Refusal):
    """What arrived is not what the upload announced."""

    reason = "UPLOAD_INVALID"


class UploadInterrupted(Refusal):
    """An upload or a fetch stopped in the middle; it can go on where it stopped (rule upload-resumed)."""

    reason = "UPLOAD_INTERRUPTED"


class QuotaReached(Refusal):
    """The user has as many versions as allowed (rule quota-limit)."""

    reason = "QUOTA_REACHED"
    code = RESOURCE_EXHAUSTED
    status = 429

    @classmethod
    def of(cls, quota: Quota, unused: Sequence[VersionRef]) -> QuotaReached:
        """Says how to make room, listing versions that nothing uses, oldest use first."""
        commands = "".join(f"\n  {delete_command(ref)}" for ref in unused)
        ending = "see by what with grid datastore show --name NAME --version VERSION, and end that Session or Run."
        room = f"delete one that nothing uses:{commands}" if unused else f"all of them are in use: {ending}"
        return cls(f"You have {quota.used} of {quota.limit} versions, so no new one was made; {room}")


class NameTaken(Refusal):
    """A live workload of this kind and name is there already."""

    reason = "NAME_TAKEN"
    code = ALREADY_EXISTS
    status = 409

    @classmethod
    def workload(cls, kind: WorkloadKind, name: str) -> NameTaken:
        """Says how to end the one that has it."""
        end = end_command(kind, name)
        return cls(f"There is a {kind} {name} already; choose another name, or end it with: {end}")


class NotThatState(Refusal):
    """A workload cannot go from its state to the wanted one."""

    reason = "WORKLOAD_STATE"
    status = 409


class SourceFailed(Refusal):
    """The data could not be read from where it is: unreadable, changed meanwhile, or not there."""

    reason = "SOURCE_FAILED"


class NoSpace(Refusal):
    """The disk that keeps the bytes is full."""

    reason = "NO_SPACE"
    code = RESOURCE_EXHAUSTED
    status = 507


class CatalogFailed(Refusal):
    """The catalog cannot be opened, read or written."""

    reason = "CATALOG_FAILED"
    code = UNAVAILABLE
    status = 503


class Damaged(Refusal):
    """The stored bytes are not the ones that were uploaded."""

    reason = "DATA_DAMAGED"
    code = INTERNAL
    status = 500


class Unreachable(Refusal):
    """The server is not there or did not answer."""

    reason = "UNREACHABLE"
    code = UNAVAILABLE
    status = 503


class NotUnderstood(Refusal):
    """The server answered something that is not of Grid's v1 API."""

    reason = "NOT_UNDERSTOOD"
    code = UNAVAILABLE
    status = 502

    @classmethod
    def of(cls, url: str, doubt: str = "") -> NotUnderstood:
        """Says which server, and whether it is known what it did."""
        return cls(f"The answer of {url} is not understood; does it speak Grid's v1 API?", doubt=doubt)


def moment(at: datetime) -> str:
    """A time as people read it, in UTC, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def release_command(holder: Holder) -> str:
    """The command that ends this holder."""
    return end_command(holder.kind, holder.name)


def end_command(kind: WorkloadKind, name: str) -> str:
    """The command that ends the workload of this kind and name."""
    return f"grid session delete {name}" if kind.value == "Session" else f"grid cancel {name}"


def delete_command(ref: VersionRef) -> str:
    """The command that deletes this version and no other."""
    return f"grid datastore delete --name {ref.name} --version {ref.number}"


def show_command(ref: VersionRef) -> str:
    """The command that shows all that is known of this version."""
    return f"grid datastore show --name {ref.name} --version {ref.number}"


def by_reason(reason: str, message: str) -> Refusal:
    """The refusal that a server told by its reason; a plain `Refusal` for one that is not known here."""
    kinds = {kind.reason: kind for kind in Refusal.__subclasses__()}
    return kinds.get(reason, Refusal)(message)


def _again(version: Version) -> str:
    """How to make a version from the same source; "" where no command can.

    A browser tells only the names of files, and another client may tell nothing or a path that is not whole.
    """
    kind, location = version.source.kind, version.source.location
    known = location.startswith("/") if kind is SourceKind.FILES else bool(location)
    if not known or not location.isprintable():
        return ""
    how = " --no-copy" if kind is SourceKind.REFERENCE else ""
    command = f"grid datastore create {quote(location)} --name {version.ref.name}{how}"
    lost = " If the address had a part after '?', add it: that part is not stored."
    said = lost if kind is SourceKind.ARCHIVE else ""
    return f" If its source is still there, you can make a new version of it.{said} Type: {command}"


def _capital(ref: VersionRef) -> str:
    text = str(ref)
    return text[0].upper() + text[1:]
