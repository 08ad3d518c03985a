"""The catalogue of refusals, from `grid_datastores.domain.errors`: what each says, why, and what to do."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from grid_datastores.domain import errors
from grid_datastores.domain.errors import Refusal
from guide.messages import messages

if TYPE_CHECKING:
    from collections.abc import Sequence

_RULES = re.compile(r" \(rules? ([a-z-]+(?:, [a-z-]+)*)\)")

TO_DO: dict[type[Refusal], str] = {
    errors.InvalidInput: "Correct what you typed; the message says how it has to look.",
    errors.NotSignedIn: "Sign in again with `grid login`, or check the user and the key.",
    errors.TooManyAttempts: "Wait as long as it says; nobody else has to. Then sign in with the right key.",
    errors.HostRefused: "Open the address that `grid serve` prints, or ask its operator to allow the name.",
    errors.TooLarge: "Send the data in parts, as `grid datastore create` does, or ask for fewer things in one request.",
    errors.CrossOriginForm: "Open the page again, in the browser that you are signed in with, and repeat it there.",
    errors.NotFound: "Check the name and the number and, with `grid status`, the server and the user: versions of other"
    " users are not found, either.",
    errors.AlreadyDeleted: "Nothing. If you need the data again, upload it again: it becomes a new version.",
    errors.InUse: "Look at what is named. When nobody needs it any more, end it with the command in the message.",
    errors.NotMountable: "Wait until the version is available, or choose another one.",
    errors.NotReadable: "Wait until the version is available. Of one that has failed nothing is kept: upload again.",
    errors.Immutable: "Upload again, as a new version.",
    errors.UploadInvalid: "Upload again; nothing of this upload was kept.",
    errors.UploadInterrupted: "Go on with the command in the message.",
    errors.QuotaReached: "Delete a version that you need no more; the message lists such.",
    errors.NameTaken: "Choose another name, or end the one of that name.",
    errors.NotThatState: "Look at its state with `grid session`.",
    errors.SourceFailed: "See to it that the files or the address can be read and do not change meanwhile; try again.",
    errors.NoSpace: "Make room on the disk of the server, or of this machine where there is none.",
    errors.CatalogFailed: "Whoever runs the server looks at the file or the database that is named.",
    errors.Damaged: "Put a copy of the data folder back. A version itself is not mended: upload it again.",
    errors.Unreachable: "Check the address with `grid status`; try again later.",
    errors.NotUnderstood: "Check the address: another server may be there.",
}


def write() -> str:
    """A section each, in the order of `errors`."""
    said = messages()
    return "\n".join(_section(kind, said[kind]) for kind in Refusal.__subclasses__())


def _section(kind: type[Refusal], said: Sequence[str]) -> str:
    why = inspect.getdoc(kind) or ""
    rules = [name for found in _RULES.findall(why) for name in found.split(", ")]
    lines = [
        f"### `{kind.reason}` {{ #{kind.reason.lower().replace('_', '-')} }}",
        "",
        _RULES.sub("", why),
        "",
        "For example:",
        "",
        *(f"- {_literal(text)}" for text in said),
        "",
        f"**What to do:** {TO_DO[kind]}",
        "",
        f"Exit code {kind.exit_code} · HTTP status {kind.status} · code {kind.code}",
        "{ .spec-caption }",
        "",
    ]
    return "\n".join(lines + [f"::: rule {rule}\n" for rule in rules])


def _literal(text: str) -> str:
    """The text, unchanged by Markdown, with its line breaks."""
    escaped = re.sub(r"[*_`<>\[\]{}#]", lambda match: f"&#{ord(match[0])};", text)
    return escaped.replace("\n  ", "<br>&emsp;")
