"""The page that shows one file, and the pictures in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from grid_datastores.domain.errors import Damaged, NotFound
from grid_datastores.domain.model import ETAG
from grid_datastores.domain.rules import check_readable
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.transfers import send_file
from grid_datastores.server.ui.contents import MAX_BYTES, Contents, read_contents
from grid_datastores.server.ui.datastores import find
from grid_datastores.server.ui.files import parents
from grid_datastores.server.ui.web_session import TheWebSession, WebSession
from grid_datastores.service.reading import MAX_CHECKED

if TYPE_CHECKING:
    from grid_datastores.domain.model import FileEntry, Version

MAX_PICTURE = 32 * 1024 * 1024  # bytes

# For who opens a picture by itself: whatever it contains, it can load and run nothing.
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
_DAMAGED = "The stored bytes of this file are damaged: they do not match its SHA-256. Upload the data as a new version."

router = APIRouter(prefix="/datastores/{name}/versions/{number}", include_in_schema=False, dependencies=[SameOrigin])


@dataclass(frozen=True, slots=True)
class _Preview:
    """A file with what can be shown of it. `checked` is false for bytes that were not compared with a SHA-256."""

    version: Version
    file: FileEntry
    contents: Contents
    checked: bool
    damaged: bool = False

    @property
    def picture(self) -> str:
        """Return the media type of the picture; "" if the file is none, or is too large to show."""
        return self.contents.picture if self.file.size <= MAX_PICTURE else ""


@router.get("/preview/{path:path}")
def show_preview(web_session: TheWebSession, name: str, number: str, path: str) -> Response:
    """Show one file: its size and digest, and its text, table or picture."""
    preview = _preview(web_session, name, number, path)
    folder, _, file_name = path.rpartition("/")
    return web_session.page(
        "preview.html",
        Damaged.status if preview.damaged else 200,
        version=preview.version,
        preview=preview,
        damaged=_DAMAGED if preview.damaged else "",
        name=file_name,
        folder=folder,
        parents=parents(path),
        shown_bytes=MAX_BYTES,
        max_picture=MAX_PICTURE,
    )


@router.get("/picture/{path:path}")
def get_picture(web_session: TheWebSession, request: Request, name: str, number: str, path: str) -> Response:
    """Return a file that is a picture, for the page that shows it. Raises `NotFound` for any other file."""
    preview = _preview(web_session, name, number, path)
    if preview.damaged:
        raise Damaged(_DAMAGED)
    if not preview.picture:
        raise NotFound(f"{path!r} cannot be shown as a picture.")
    headers = {
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(path.rpartition('/')[2], safe='')}",
        "Content-Security-Policy": _SANDBOX,
    }
    service, version = web_session.state.service, preview.version
    return send_file(request, service, web_session.user, version.id, path, preview.picture, headers)


def _preview(web_session: WebSession, name: str, number: str, path: str) -> _Preview:
    """Return the preview of a file. A file of up to `MAX_CHECKED` bytes is compared with its SHA-256."""
    version = find(web_session, name, number)
    check_readable(version)
    reading = web_session.state.service.reading
    file = reading.entry(web_session.user, version.id, path)
    checked = not file.sha256.startswith(ETAG) and file.size <= MAX_CHECKED
    head = bytearray()
    try:
        for chunk in reading.file(web_session.user, version.id, path)[1]:  # compared once it is read to its end
            head += chunk[: MAX_BYTES - len(head)]
            if not checked and len(head) == MAX_BYTES:
                break
    except Damaged:
        check_readable(find(web_session, name, number))  # if it was deleted meanwhile, report that instead
        return _Preview(version, file, Contents(), checked, damaged=True)
    return _Preview(version, file, read_contents(path, bytes(head), whole=file.size <= MAX_BYTES), checked)
