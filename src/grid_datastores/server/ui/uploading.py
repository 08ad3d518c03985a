"""The pages that create a version from files, a folder or an address."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from grid_datastores.domain.errors import InvalidInput, QuotaReached, Refusal
from grid_datastores.domain.model import Source, SourceKind, Version
from grid_datastores.domain.naming import MAX_NAME_LENGTH, check_name, name_from_folder, name_from_source
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.shown import shown
from grid_datastores.server.ui.pages import version_path
from grid_datastores.server.ui.receiving import ReceivedFile, ReceivedForm, receive
from grid_datastores.server.ui.web_session import TheForm, TheWebSession, WebSession, field, redirect
from grid_datastores.server.writers import WriterRoute, run_in_writer_thread
from grid_datastores.sources import parse_source
from grid_datastores.storage import WithoutAttributes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The names that `check_name` accepts, so that the browser can check them before it sends anything.
_NAME_PATTERN = rf"(?=.{{1,{MAX_NAME_LENGTH}}}$)[a-z0-9]([a-z0-9_\-]*[a-z0-9])?"

_OFFERED = 10  # versions to delete, when the quota is reached

router = APIRouter(include_in_schema=False, dependencies=[SameOrigin], route_class=WriterRoute)


@dataclass(frozen=True, slots=True)
class _File(WithoutAttributes):
    """A received file with its path in the version."""

    path: str
    received: ReceivedFile

    @property
    def size(self) -> int:
        return self.received.size

    def chunks(self) -> Iterator[bytes]:
        return self.received.chunks()


@router.get("/upload")
def show_upload(web_session: TheWebSession, name: str = "", location: str = "", refer: str = "") -> Response:
    """Show the upload forms. If the quota is reached, show the refusal before anything is sent (rule quota-limit)."""
    try:
        web_session.state.service.uploads.check_room(web_session.user)
    except Refusal as error:
        return _forms(web_session, name, location, error, 200, refer=bool(refer))
    return _forms(web_session, name, location, None, 200, refer=bool(refer))


@router.post("/upload")
async def upload(web_session: TheWebSession, request: Request) -> Response:
    """Create a version from the files of this form."""
    fields: dict[str, str] = {}
    try:
        with web_session.state.service.uploads.temporary_file() as file:
            form = ReceivedForm(file, fields)
            await receive(request, form)
            version = await run_in_writer_thread(_create, web_session, form)
    except Refusal as error:
        return await run_in_threadpool(_forms, web_session, fields.get("name", ""), "", error, error.status)
    return redirect(version_path(version.ref))


@router.post("/upload/address")
def fetch(web_session: TheWebSession, form: TheForm) -> Response:
    """Create a version from an address. The server fetches the data in the background."""
    name, location, refer = field(form, "name"), field(form, "location"), bool(field(form, "refer"))
    try:
        source = parse_source(location, no_copy=refer)
        if source.kind is SourceKind.FILES:
            raise InvalidInput("Give the address of a .zip or .tar.gz (https://…) or of a bucket (s3://bucket/folder).")
        version = web_session.state.service.uploads.fetch(web_session.user, name or name_from_source(location), source)
    except Refusal as error:
        return _forms(web_session, name, location, error, error.status, refer=refer)
    return redirect(version_path(version.ref))


def _forms(
    web_session: WebSession, name: str, location: str, refusal: Refusal | None, status: int, *, refer: bool = False
) -> Response:
    """Return the page of the forms. If the quota is reached, it offers versions that could be deleted now."""
    reading = web_session.state.service.reading
    full = isinstance(refusal, QuotaReached)
    return web_session.page(
        "upload.html",
        status,
        name=name,
        location=location,
        refer=refer,
        refusal=shown(refusal) if refusal else "",
        quota=reading.quota(web_session.user),
        unused=reading.unused(web_session.user, limit=_OFFERED) if full else None,
        name_pattern=_NAME_PATTERN,
    )


def _create(web_session: WebSession, form: ReceivedForm) -> Version:
    if not form.files:
        raise InvalidInput("Choose at least one file, or a folder with a file in it.")
    files, folders, singles = _paths_in_version(form.files)
    _check_distinct(files)
    names = [*folders, *singles]
    name = form.fields.get("name", "") or (name_from_folder(folders[0]) if folders else name_from_source(singles[0]))
    location = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    source = Source(SourceKind.FILES, location)
    return web_session.state.service.uploads.create(web_session.user, check_name(name), source, files)


def _check_distinct(files: Sequence[_File]) -> None:
    """Raise `InvalidInput` if two files have the same path. The files are sorted by path."""
    for first, second in pairwise(files):
        if first.path == second.path:
            raise InvalidInput(
                f"Two files have the same path: {first.path}. Nothing was stored."
                " Rename one of them, or choose a folder that contains both."
            )


def _paths_in_version(received: list[ReceivedFile]) -> tuple[list[_File], list[str], list[str]]:
    """Return the files with their paths in the version, the names of the folders, and the names of the single files.

    Browsers send the path of a file from its chosen folder on, and only the name of a single file.
    """
    folders = {file.path.partition("/")[0] for file in received if file.field == "folder" and "/" in file.path}
    files = [
        _File(file.path.partition("/")[2] if file.field == "folder" and "/" in file.path else file.path, file)
        for file in received
    ]
    singles = [file.path for file in received if "/" not in file.path]
    return sorted(files, key=lambda file: file.path), sorted(folders), singles
