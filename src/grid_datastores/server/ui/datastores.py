"""The pages that show one version and its files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from grid_datastores.domain.errors import Damaged
from grid_datastores.domain.model import Phase, VersionRef
from grid_datastores.domain.naming import parse_number
from grid_datastores.domain.rules import check_readable
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.shown import shown
from grid_datastores.server.transfers import Transfer, send_file
from grid_datastores.server.ui.archive import tar, tar_size
from grid_datastores.server.ui.files import open_folder
from grid_datastores.server.ui.web_session import RELOAD_PAGE, TheWebSession, WebSession

if TYPE_CHECKING:
    from grid_datastores.domain.model import Version

router = APIRouter(include_in_schema=False, dependencies=[SameOrigin])


def find(web_session: WebSession, name: str, number: str) -> Version:
    """Return the user's version, deleted or not. Refuses a word as its number (rule no-default-version)."""
    return web_session.state.service.reading.find(web_session.user, VersionRef(name, parse_number(number)))


@router.get("/datastores/{name}/versions/{number}")
def show_version(
    web_session: TheWebSession, name: str, number: str, folder: str = "", page: int = 1, seen: str = ""
) -> Response:
    """Show the details of one version, deleted or not, and a page of the files in one of its folders.

    The page of an unfinished version polls this with the phase that it has `seen`. It is reloaded when the phase
    changes.
    """
    reading = web_session.state.service.reading
    version = find(web_session, name, number)
    if seen:
        return Response(status_code=204, headers={} if version.phase == seen else RELOAD_PAGE)
    details = reading.details(web_session.user, version.id)
    files, damaged = None, ""
    if details.version.phase is Phase.AVAILABLE:
        try:
            files = open_folder(reading.manifest(web_session.user, version.id), folder.strip("/"), page)
        except Damaged as error:  # the page still shows the details from the catalog
            damaged = shown(error)
    quota = reading.quota(web_session.user)
    return web_session.page(
        "version.html", version=details.version, details=details, files=files, damaged=damaged, quota=quota
    )


@router.get("/datastores/{name}/versions/{number}/download")
def download(web_session: TheWebSession, name: str, number: str) -> Response:
    """Return all files of a version as one tar file."""
    version = find(web_session, name, number)
    check_readable(version)
    reading = web_session.state.service.reading
    manifest = reading.manifest(web_session.user, version.id)
    content = tar(reading.files(web_session.user, version.id), manifest.folders)
    headers = _attachment(f"{version.ref.name}-{version.ref.number}.tar")
    headers["Content-Length"] = str(tar_size(manifest))  # shows the client that an answer is incomplete
    return Transfer(web_session.state.service, version.id, content, "application/x-tar", headers)


@router.get("/datastores/{name}/versions/{number}/files/{path:path}")
def download_file(web_session: TheWebSession, request: Request, name: str, number: str, path: str) -> Response:
    """Return one file of a version, or a part of it."""
    version = find(web_session, name, number)
    check_readable(version)
    headers, service = _attachment(path.rpartition("/")[2]), web_session.state.service
    return send_file(request, service, web_session.user, version.id, path, "application/octet-stream", headers)


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
