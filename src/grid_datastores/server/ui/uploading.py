"""Making a version: of files or a folder that the browser sends, or of an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from grid_datastores.domain.errors import InvalidInput, Refusal
from grid_datastores.domain.model import Source, SourceKind, Version
from grid_datastores.domain.naming import NAME_LENGTH, check_name, name_from_folder, name_from_source
from grid_datastores.server.ui.pages import version_path
from grid_datastores.server.ui.receiving import ReceivedFile, ReceivedForm, receive
from grid_datastores.server.ui.visit import TheForm, TheVisit, Visit, field, see
from grid_datastores.sources import parse_source
from grid_datastores.sources.scratch import full_disk, scratch_file
from grid_datastores.storage import Manifest, WithoutAttributes, pack

if TYPE_CHECKING:
    from collections.abc import Iterator

# What `check_name` takes, as a browser checks it before it sends anything.
_NAME_PATTERN = rf"(?=.{{1,{NAME_LENGTH}}}$)[a-z0-9]([a-z0-9_\-]*[a-z0-9])?"

router = APIRouter()


@dataclass(frozen=True, slots=True)
class _File(WithoutAttributes):
    """A file on its way into a version, at its path there."""

    path: str
    received: ReceivedFile

    @property
    def size(self) -> int:
        return self.received.size

    def chunks(self) -> Iterator[bytes]:
        return self.received.chunks()


@router.get("/upload")
def show_upload(visit: TheVisit, name: str = "", location: str = "", refer: str = "") -> Response:
    """The forms for files, a folder, or an address; where no version more fits that is said before anything is sent."""
    try:
        visit.state.service.uploads.check_room(visit.user)
    except Refusal as error:
        return _forms(visit, name, location, error.message, 200, refer=bool(refer))
    return _forms(visit, name, location, "", 200, refer=bool(refer))


@router.post("/upload")
async def upload(visit: TheVisit, request: Request) -> Response:
    """A new version of the files of this form."""
    with scratch_file(visit.state.service.context.storage.scratch) as scratch:
        form = ReceivedForm(scratch)
        try:
            with full_disk():
                await receive(request, form)
            version = await run_in_threadpool(_make, visit, form)
        except Refusal as error:
            return await run_in_threadpool(_forms, visit, form.fields.get("name", ""), "", error.message, error.status)
    return see(version_path(version.ref))


@router.post("/upload/address")
def fetch(visit: TheVisit, form: TheForm) -> Response:
    """A new version of what is at an address; the server fetches it in the background."""
    name, location, refer = field(form, "name"), field(form, "location"), bool(field(form, "refer"))
    try:
        source = parse_source(location, no_copy=refer)
        if source.kind is SourceKind.FILES:
            raise InvalidInput("Give an address: https://… of a .zip or .tar.gz, or s3://bucket/folder.")
        uploads = visit.state.service.uploads
        version = uploads.begin(visit.user, name or name_from_source(location), source)
        uploads.complete(visit.user, version.id)
    except Refusal as error:
        return _forms(visit, name, location, error.message, error.status, refer=refer)
    return see(version_path(version.ref))


def _forms(visit: Visit, name: str, location: str, refusal: str, status: int, *, refer: bool = False) -> Response:
    quota = visit.state.service.reading.quota(visit.user)
    return visit.page(
        "upload.html",
        status,
        name=name,
        location=location,
        refer=refer,
        refusal=refusal,
        quota=quota,
        name_pattern=_NAME_PATTERN,
    )


def _make(visit: Visit, form: ReceivedForm) -> Version:
    if not form.files:
        raise InvalidInput("Choose at least one file, or a folder with a file in it.")
    files, folders, singles = _placed(form.files)
    names = [*folders, *singles]
    name = form.fields.get("name", "") or (name_from_folder(folders[0]) if folders else name_from_source(singles[0]))
    location = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    uploads = visit.state.service.uploads
    version = uploads.begin(visit.user, check_name(name), Source(SourceKind.FILES, location))
    try:
        packed = pack(files, uploads.sink(visit.user, version.id), lambda _count: None)
        manifest = Manifest.of(entry for _name, entries in packed for entry in entries)
        return uploads.publish(visit.user, version.id, manifest)
    except BaseException:
        uploads.drop(visit.user, version.id)
        raise


def _placed(received: list[ReceivedFile]) -> tuple[list[_File], list[str], list[str]]:
    """The files at their paths in the version, and what their source is called: the folders, and the single files.

    Browsers tell a folder's files with the folder's name before, single files by name; never where they lie.
    """
    folders = {file.path.partition("/")[0] for file in received if file.field == "folder" and "/" in file.path}
    files = [
        _File(file.path.partition("/")[2] if file.field == "folder" and "/" in file.path else file.path, file)
        for file in received
    ]
    singles = [file.path for file in received if "/" not in file.path]
    return sorted(files, key=lambda file: file.path), sorted(folders), singles
