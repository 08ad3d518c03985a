"""What a zip says of a file beside its content: its name in Unicode, its time, and whether it is executable."""

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
_NTFS_TIMES = 1  # the attribute of that field
_NTFS_EPOCH = -11_644_473_600 * 10**9  # 1601-01-01, in nanoseconds since 1970
_UNIX = {3, 19}  # made on Unix, made on macOS: only there the upper half of the attributes is a Unix mode
_EXECUTE = 0o111
_NO_DOS_TIME = (1980, 1, 1, 0, 0, 0)  # the lowest, which programs write that know none
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def unicode_name(info: zipfile.ZipInfo, raw: bytes) -> str | None:
    """The name in the Unicode Path field; None without one, or where it belongs to another name than `raw`."""
    for data in _fields(info.extra, _UNICODE_PATH):
        if data[:1] == b"\1" and data[1:5] == struct.pack("<L", zlib.crc32(raw)):
            try:
                return data[5:].decode() or None
            except UnicodeDecodeError:
                return None
    return None


def is_executable(info: zipfile.ZipInfo) -> bool:
    """Whether anybody may run it, as far as the zip tells."""
    return info.create_system in _UNIX and bool(info.external_attr >> 16 & _EXECUTE)


def modified(info: zipfile.ZipInfo) -> int | None:
    """When it was last modified, in nanoseconds since the epoch; None where no field has a usable time.

    The oldest field is a local time without its zone, in steps of two seconds. It is taken for UTC.
    """
    for time in (_ntfs_time(info.extra), _unix_time(info.extra), _dos_time(info.date_time)):
        if time is not None:
            return time
    return None


def _ntfs_time(extra: bytes) -> int | None:
    for data in _fields(extra, _NTFS):
        for times in _fields(data[4:], _NTFS_TIMES):
            steps = int.from_bytes(times[:8], "little")  # of 100 nanoseconds
            return storable_time(_NTFS_EPOCH + steps * 100)
    return None


def _unix_time(extra: bytes) -> int | None:
    for data in _fields(extra, _TIMES):
        if len(data) >= 5 and data[0] & 1:
            return storable_time(int.from_bytes(data[1:5], "little", signed=True) * 10**9)
    return None


def _dos_time(told: tuple[int, int, int, int, int, int]) -> int | None:
    if told == _NO_DOS_TIME:
        return None
    try:
        return storable_time((datetime(*told, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1) * 1000)
    except ValueError:  # no such day or hour
        return None


def _fields(extra: bytes, wanted: int) -> Iterator[bytes]:
    """The fields of one kind; what is cut short or damaged behind them is not looked at."""
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == wanted and len(extra) >= 4 + size:
            yield extra[4 : 4 + size]
        extra = extra[4 + size :]
