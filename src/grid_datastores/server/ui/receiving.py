"""Taking in a form with files, while it arrives: any number of them, through one scratch file, in little memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from grid_datastores.domain.errors import UploadInvalid
from grid_datastores.storage import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import Request

ENCODED = "encoded-paths"  # the field that says that each path is percent-encoded
_LONGEST_FIELD = 4096  # bytes


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """One file in the scratch file: the field it was in, its path where it came from, where its bytes are."""

    field: str
    path: str
    offset: int
    size: int
    scratch: BinaryIO

    def chunks(self) -> Iterator[bytes]:
        """Its content."""
        self.scratch.seek(self.offset)
        left = self.size
        while left:
            chunk = self.scratch.read(min(left, CHUNK))
            left -= len(chunk)
            yield chunk


@dataclass(slots=True)
class ReceivedForm:
    """The fields and files of a form, as far as they have arrived."""

    scratch: BinaryIO
    fields: dict[str, str] = field(default_factory=dict)
    files: list[ReceivedFile] = field(default_factory=list)


async def receive(request: Request, form: ReceivedForm) -> None:
    """Fill the form from this request. Raises `UploadInvalid`; the fields that arrived until then are in it."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise UploadInvalid("That is not a form with files.")
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
        },
    )
    try:
        async for chunk in request.stream():
            await run_in_threadpool(parser.write, chunk)
        parser.finalize()
    except FormParserError as error:
        raise UploadInvalid("The form did not arrive whole; nothing was kept.") from error


class _Parts:
    """What the parser tells, put together."""

    def __init__(self, form: ReceivedForm) -> None:
        self.form = form
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._field = ""
        self._path: str | None = None
        self._text = bytearray()
        self._offset = 0

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

    def _path_in(self, header: bytes, filename: bytes) -> str:
        """The path, exactly as it is where the file lies, as far as it can be told.

        Browsers write a quotation mark as %22 and leave a real %22 as it is, so neither is decoded here. The script of
        the page encodes the whole path, and says so in a field before it.
        """
        if b"\\" in header:  # to the library an escape, or a path of Windows; no browser means either
            filename = header.partition(b'filename="')[2].rpartition(b'"')[0]
        path = _text(filename)
        return _text(unquote_to_bytes(path)) if self.form.fields.get(ENCODED) else path

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._path is not None:
            self.form.scratch.write(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > _LONGEST_FIELD:
            raise UploadInvalid(f"The field {self._field[:60]!r} is too long.")

    def end(self) -> None:
        if self._path is None:
            self.form.fields[self._field] = self._text.decode(errors="replace").strip()
        elif self._path:  # a field for files that was left empty is sent as a file without a name
            size = self.form.scratch.tell() - self._offset
            file = ReceivedFile(self._field, self._path, self._offset, size, self.form.scratch)
            self.form.files.append(file)


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise UploadInvalid("The name of a file is not UTF-8; nothing was kept.") from error
