"""Receive a form with any number of files while it arrives, into one temporary file and with little memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from grid_datastores.domain.errors import TooLarge, UploadInvalid
from grid_datastores.server.ui.web_session import MAX_FIELDS
from grid_datastores.storage import CHUNK
from grid_datastores.storage.manifest import MAX_PATH_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import Request

ENCODED = "encoded-paths"  # a form with this field percent-encodes each path
MAX_FILES = 100_000  # in a form

MAX_PATHS_SIZE = 32 * 1024 * 1024  # bytes of all paths in a form, as they are sent
_MAX_FIELD_SIZE = 4096  # bytes
_MAX_HEADER_SIZE = 3 * (2 * MAX_PATH_LENGTH)  # bytes; three for each byte that is percent-encoded
_COMMAND = "To upload more: grid datastore create"
_INCOMPLETE = "The form arrived incomplete. Nothing was stored. Try again."


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """One received file: its form field, its path as sent, and the place of its content in the temporary file."""

    field: str
    path: str
    offset: int
    size: int
    scratch: BinaryIO

    def chunks(self) -> Iterator[bytes]:
        """Yield the content."""
        self.scratch.seek(self.offset)
        left = self.size
        while left:
            chunk = self.scratch.read(min(left, CHUNK))
            left -= len(chunk)
            yield chunk


@dataclass(slots=True)
class ReceivedForm:
    """The fields and files of a form that have arrived so far."""

    scratch: BinaryIO
    fields: dict[str, str] = field(default_factory=dict)
    files: list[ReceivedFile] = field(default_factory=list)


async def receive(request: Request, form: ReceivedForm) -> None:
    """Fill the form from this request. If this raises a refusal, the form has the fields that arrived before."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise UploadInvalid("The request is not a form with files. Nothing was stored.")
    parts = _Parts(form)
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": parts.begin,
            "on_header_field": parts.header_name,
            "on_header_value": parts.header_value,
            "on_header_end": parts.header_end,
            "on_headers_finished": parts.headers_finished,
            "on_part_data": parts.data,
            "on_part_end": parts.end,
            "on_end": parts.finish,
        },
        max_header_size=_MAX_HEADER_SIZE,
    )
    try:
        async for chunk in request.stream():
            await run_in_threadpool(parser.write, chunk)
    except FormParserError as error:
        if "Maximum header" in str(error):
            raise _too_large(f"The name or the path of a part can have at most {_MAX_HEADER_SIZE:,} bytes.") from error
        raise UploadInvalid(_INCOMPLETE) from error
    if not parts.complete:
        raise UploadInvalid(_INCOMPLETE)


class _Parts:
    """Builds the form from the parser's callbacks."""

    def __init__(self, form: ReceivedForm) -> None:
        self.form = form
        self.complete = False  # whether the last boundary has arrived
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._field = ""
        self._path: str | None = None
        self._text = bytearray()
        self._offset = 0
        self._field_count = self._file_count = self._paths_size = 0

    def begin(self) -> None:
        self._headers = {}
        self._text = bytearray()
        self._offset = self.form.scratch.tell()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def headers_finished(self) -> None:
        header = self._headers.get(b"content-disposition", b"")
        _kind, options = parse_options_header(header)
        self._field = _text(options.get(b"name", b""))
        self._path = self._path_in(header, options[b"filename"]) if b"filename" in options else None
        self._count(options.get(b"filename"))

    def _count(self, filename: bytes | None) -> None:
        """Count this part. Raises `TooLarge` before more of them are kept in memory than a form can have."""
        if filename is None:
            self._field_count += 1
        else:
            self._file_count += 1
            self._paths_size += len(filename)
        if self._field_count > MAX_FIELDS:
            raise _too_large(f"It can have at most {MAX_FIELDS} fields besides its files.")
        if self._file_count > MAX_FILES:
            raise _too_large(f"It can have at most {MAX_FILES:,} files. {_COMMAND}")
        if self._paths_size > MAX_PATHS_SIZE:
            raise _too_large(f"The paths of its files can have at most {MAX_PATHS_SIZE:,} bytes together. {_COMMAND}")

    def _path_in(self, header: bytes, filename: bytes) -> str:
        """Return the path exactly as on the sender's disk, if that is known.

        Browsers send both a quotation mark and a literal %22 as %22, so nothing is decoded here. The page's script
        encodes the whole path instead and sends the field `ENCODED` before it.
        """
        if b"\\" in header:  # the library takes it for an escape or a Windows path, but browsers send it as a character
            filename = header.partition(b'filename="')[2].rpartition(b'"')[0]
        path = _text(filename)
        return _text(unquote_to_bytes(path)) if self.form.fields.get(ENCODED) else path

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._path is not None:
            self.form.scratch.write(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > _MAX_FIELD_SIZE:
            raise _too_large(f"Its field {self._field[:60]!r} can have at most {_MAX_FIELD_SIZE:,} bytes.")

    def end(self) -> None:
        if self._path is None:
            self.form.fields[self._field] = self._text.decode(errors="replace").strip()
        elif self._path:  # browsers send an empty file field as a file without a name
            size = self.form.scratch.tell() - self._offset
            file = ReceivedFile(self._field, self._path, self._offset, size, self.form.scratch)
            self.form.files.append(file)

    def finish(self) -> None:
        self.complete = True


def _too_large(limit: str) -> TooLarge:
    return TooLarge(f"This form is too large. Nothing was stored. {limit}")


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise UploadInvalid("The name of a file is not UTF-8. Nothing was stored.") from error
