"""Reads a zip entry's metadata: its name in Unicode, its time, and whether it is executable."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from grid_datastores.sources.entries import storable_time

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

_UNICODE_PATH, _TIMES, _NTFS = 0x7075, 0x5455, 0x000A  # extra fields of Info-ZIP, Info-ZIP and PKWARE
_NTFS_TIMES = 1  # the attribute of the NTFS field that has the times
_NTFS_EPOCH = -11_644_473_600 * 10**9  # 1601-01-01, in nanoseconds since 1970
_UNIX = {3, 19}  # made on Unix or macOS: only then are the upper 16 bits of the attributes a Unix mode
_EXECUTE = 0o111
_NO_DOS_TIME = (1980, 1, 1, 0, 0, 0)  # the lowest value, which programs write if they know no time
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unicode_name(info: zipfile.ZipInfo, raw: bytes) -> str | None:
    """Return the name in the Unicode Path field, or None if there is none or it belongs to a name other than `raw`."""
    for data in _fields(info.extra, _UNICODE_PATH):
        if data[:1] == b"\1" and data[1:5] == struct.pack("<L", zlib.crc32(raw)):
            try:
                return data[5:].decode() or None
            except UnicodeDecodeError:
                return None
    return None


def is_executable(info: zipfile.ZipInfo) -> bool:
    """Return whether anyone may execute the file, if the zip says so."""
    return info.create_system in _UNIX and bool(info.external_attr >> 16 & _EXECUTE)


def modified(info: zipfile.ZipInfo) -> int | None:
    """Return when the file was last modified (nanoseconds since the epoch), or None if no field has a usable time.

    The oldest field is a local time without a zone, in steps of two seconds. It is read as UTC.
    """
    for time in (_ntfs_time(info.extra), _unix_time(info.extra), _dos_time(info.date_time)):
        if time is not None:
            return time
    return None


def _ntfs_time(extra: bytes) -> int | None:
    for data in _fields(extra, _NTFS):
        for times in _fields(data[4:], _NTFS_TIMES):
            steps = int.from_bytes(times[:8], "little")  # 100 nanoseconds each
            return storable_time(_NTFS_EPOCH + steps * 100)
    return None


def _unix_time(extra: bytes) -> int | None:
    for data in _fields(extra, _TIMES):
        if len(data) >= 5 and data[0] & 1:
            return storable_time(int.from_bytes(data[1:5], "little", signed=True) * 10**9)
    return None


def _dos_time(date_time: tuple[int, int, int, int, int, int]) -> int | None:
    if date_time == _NO_DOS_TIME:
        return None
    try:
        return storable_time((datetime(*date_time, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1000)
    except ValueError:  # no such day or hour
        return None


def _fields(extra: bytes, field_id: int) -> Iterator[bytes]:
    """Yield the data of the extra fields with this id. Ignores a truncated field and everything after it."""
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == field_id and len(extra) >= 4 + size:
            yield extra[4 : 4 + size]
        extra = extra[4 + size :]
