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

KINDS: tuple[type[Refusal], ...] = (*Refusal.__subclasses__(), Refusal)
OF_COMMANDS = (Refusal, errors.UploadInterrupted, errors.Unreachable, errors.NotUnderstood)  # no server sends them
_NOT_OF_THE_API = (*OF_COMMANDS, errors.CrossOriginForm)  # the web UI answers to a form

TO_DO: dict[type[Refusal], str] = {
    errors.InvalidInput: "Correct what you typed. The message says what is valid.",
    errors.NotSignedIn: "Sign in again with `grid login`, or check the user and the key.",
    errors.TooManyAttempts: "Sign in with the right key: it is accepted at once. Before you try another key, wait for"
    " as long as the message says.",
    errors.HostRefused: "Open the address that `grid serve` prints, or ask its operator to allow the name.",
    errors.TooLarge: "Send the data in parts, as `grid datastore create` does, or ask for fewer things in one request.",
    errors.CrossOriginForm: "Open the page again, in the browser that you are signed in with, and repeat it there.",
    errors.NotFound: "Check the name and the number. Check the server and the user with `grid status`: versions of"
    " other users are not found, either.",
    errors.AlreadyDeleted: "Nothing. If you need the data again, upload it again as a new version.",
    errors.InUse: "Look at the named Sessions and Runs. When nobody needs one any more, end it with the command in the"
    " message.",
    errors.NotMountable: "Wait until the version is available, or choose another one.",
    errors.NotReadable: "Wait until the version is available. A failed version has no data: upload it again.",
    errors.Immutable: "Upload again, as a new version.",
    errors.UploadInvalid: "If the version is still `uploading`, send what is missing or wrong again, then complete the"
    " version. If it has failed, upload again as a new version.",
    errors.UploadInterrupted: "Use the command in the message to resume.",
    errors.QuotaReached: "Delete a version that you no longer need, with a command from the message.",
    errors.NameTaken: "Choose another name, or end the Session or Run that has it.",
    errors.NotThatState: "Check the state of a Session with `grid session`, and that of a Run with `grid status --all`."
    " If it has ended, start a new one.",
    errors.SourceFailed: "Make sure that the files or the address can be read and that nothing changes them. Then"
    " upload again. A version that has failed stays failed: delete it when you no longer need its message.",
    errors.NoSpace: "Free space on the disk of the server or, without a server, of this machine.",
    errors.CatalogFailed: "The operator of the server checks the file that the message names. Without a server, you"
    " do.",
    errors.Busy: "Try again after a few seconds. If the message stays, the operator looks for a process that uses the"
    " catalog, for example a backup, and for a full or slow disk.",
    errors.Damaged: "Try again. If the message stays, restore the data folder from a backup, or upload the data again"
    " as a new version.",
    errors.Unreachable: "Check the address with `grid status`, and try again later.",
    errors.NoSuchOperation: "Compare the method and the path with [All requests](operations.md).",
    errors.InternalError: "Retry. If it fails again, the operator finds the cause in the log of the server.",
    errors.NotUnderstood: "Check the address: another server may answer there.",
    Refusal: "Do what the message says.",
}


def write() -> str:
    """A section each, in the order of `errors`."""
    said = messages()
    return "\n".join(_section(kind, said[kind]) for kind in KINDS)


def table() -> str:
    """The statuses of the API with their reasons, as a table."""
    kinds = sorted((kind for kind in KINDS if kind not in _NOT_OF_THE_API), key=lambda kind: kind.status)
    rows = [f"| {kind.status} | [`{kind.reason}`](errors.md#{_anchor(kind)}) | {_why(kind)} |" for kind in kinds]
    return "\n".join(["| Status | `reason` | Meaning |", "| --- | --- | --- |", *rows, ""])


def _section(kind: type[Refusal], said: Sequence[str]) -> str:
    rules = [name for found in _RULES.findall(kind.__doc__ or "") for name in found.split(", ")]
    status = "" if kind in OF_COMMANDS else f" · HTTP status {kind.status} · code {kind.code}"
    lines = [
        f"### `{kind.reason}` {{ #{_anchor(kind)} }}",
        "",
        _why(kind),
        "",
        "For example:",
        "",
        *(f"- {_literal(text)}" for text in said),
        "",
        f"**What to do:** {TO_DO[kind]}",
        "",
        f"Exit code {kind.exit_code}{status}",
        "{ .spec-caption }",
        "",
    ]
    return "\n".join(lines + [f"::: rule {rule}\n" for rule in rules])


def _anchor(kind: type[Refusal]) -> str:
    return kind.reason.lower().replace("_", "-")


def _why(kind: type[Refusal]) -> str:
    """What the kind means: the first paragraph of its docstring, without rules."""
    if kind is Refusal:
        return "A command was refused for a reason that has no name of its own."
    return _RULES.sub("", inspect.getdoc(kind) or "")


def _literal(text: str) -> str:
    """The text, unchanged by Markdown, with its line breaks."""
    escaped = re.sub(r"[*_`<>\[\]{}#]", lambda match: f"&#{ord(match[0])};", text)
    return escaped.replace("\n  ", "<br>&emsp;")
