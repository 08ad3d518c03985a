"""The pages that show all versions, one version, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from grid_datastores.domain.errors import Damaged
from grid_datastores.domain.model import Phase, VersionRef, WorkloadKind
from grid_datastores.domain.naming import parse_number
from grid_datastores.domain.rules import check_readable, holds
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.ui.archive import tar
from grid_datastores.server.ui.web_session import RELOAD_PAGE, TheWebSession, WebSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grid_datastores.domain.model import FileEntry, Version, Workload

FILES_PER_PAGE = 100

router = APIRouter(include_in_schema=False, dependencies=[SameOrigin])


@dataclass(frozen=True, slots=True)
class Files:
    """One page of a version's files; pages count from 1."""

    shown: Sequence[FileEntry]
    page: int
    pages: int


def find(web_session: WebSession, name: str, number: str) -> Version:
    """Return the user's version, deleted or not. Refuses a word as its number (rule no-default-version)."""
    return web_session.state.service.reading.find(web_session.user, VersionRef(name, parse_number(number)))


@router.get("/")
def show_datastores(web_session: TheWebSession) -> Response:
    """Show all versions, grouped by name."""
    reading = web_session.state.service.reading
    versions = reading.versions(web_session.user)
    named = [(name, list(group)) for name, group in groupby(versions, key=lambda version: version.ref.name)]
    return web_session.page(
        "datastores.html", named=named, quota=reading.quota(web_session.user), users=_users(web_session)
    )


@router.get("/datastores/{name}/versions/{number}")
def show_version(web_session: TheWebSession, name: str, number: str, page: int = 1, seen: str = "") -> Response:
    """Show the details of one version, deleted or not.

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
            files = _page_of(reading.manifest(web_session.user, details.version.id).files, page)
        except Damaged as error:  # the page still shows the details from the catalog
            damaged = error.message
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
    content = tar(reading.files(web_session.user, version.id), reading.manifest(web_session.user, version.id).folders)
    return _attachment(f"{version.ref.name}-{version.ref.number}.tar", content, "application/x-tar")


@router.get("/datastores/{name}/versions/{number}/files/{path:path}")
def download_file(web_session: TheWebSession, name: str, number: str, path: str) -> Response:
    """Return one file of a version."""
    version = find(web_session, name, number)
    check_readable(version)
    file, content = web_session.state.service.reading.file(web_session.user, version.id, path)
    response = _attachment(path.rpartition("/")[2], content, "application/octet-stream")
    response.headers["Content-Length"] = str(file.size)
    return response


def _attachment(name: str, content: object, kind: str) -> StreamingResponse:
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
    return StreamingResponse(content, media_type=kind, headers=headers)  # type: ignore[arg-type]


def _users(web_session: WebSession) -> dict[str, list[Workload]]:
    """Return the Sessions and Runs that use each version, by version id."""
    now = web_session.state.service.now()
    users: dict[str, list[Workload]] = {}
    for kind in WorkloadKind:
        for workload in web_session.state.service.workloads.list(web_session.user, kind):
            for mount in workload.mounts if holds(workload, now) else ():
                users.setdefault(mount.version_id, []).append(workload)
    return users


def _page_of(files: Sequence[FileEntry], page: int) -> Files:
    pages = max(1, -(-len(files) // FILES_PER_PAGE))
    page = min(max(page, 1), pages)
    return Files(files[(page - 1) * FILES_PER_PAGE : page * FILES_PER_PAGE], page, pages)
