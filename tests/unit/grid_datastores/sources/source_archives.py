"""Archives as tests need them: made in memory, sound or hostile, and read whole."""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from typing import TYPE_CHECKING

from grid_datastores.sources.archive import open_archive
from grid_datastores.sources.limits import FetchLimits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from grid_datastores.sources.entries import ArchiveContents

FILES = {
    "penguins.csv": b"species,island\nAdelie,Torgersen\n",
    "images/a.png": bytes(range(256)) * 8192,  # 2 MiB: an object of its own
    "images/b.png": b"",
    "images/deep/er/ping\u00fcino \u540d.txt": b"\x00\xff",
    "__MACOSX/._penguins.csv": b"\x00\x05\x16\x07",
    "images/.DS_Store": b"Bud1",
}


def unpacked(data: bytes, scratch: Path) -> ArchiveContents:
    """What is said of an archive before its files are read."""
    with open_archive(io.BytesIO(data), len(data), scratch, FetchLimits()) as found:
        return found


def read_archive(data: bytes, scratch: Path, limits: FetchLimits | None = None) -> dict[str, bytes]:
    """All files of an archive, each read whole, the last one first."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        with open_archive(file, len(data), scratch, limits or FetchLimits()) as unpacked:
            read = {found.path: (found.size, b"".join(found.chunks())) for found in reversed(unpacked.files)}
    assert all(size == len(content) for size, content in read.values())
    return {path: content for path, (_, content) in read.items()}


def zip_of(files: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = 8) -> bytes:
    """A zip of these files, in order; an item's name may be a whole `ZipInfo`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items() if hasattr(files, "items") else files:
            archive.writestr(name, content)
    return buffer.getvalue()


def zip_of_raw_names(names: Iterable[bytes], extra: bytes = b"") -> bytes:
    """A zip of files with these names as bytes, of four or more, and nothing that says what encoding they are in."""
    placeholders = [f"#{n}".ljust(len(name), "#") for n, name in enumerate(names, 10)]
    entries = [zipfile.ZipInfo(placeholder) for placeholder in placeholders]
    for entry in entries:
        entry.extra = extra
    data = zip_of([(entry, b"") for entry in entries])
    for placeholder, name in zip(placeholders, names, strict=True):
        assert len(placeholder) == len(name)
        data = data.replace(placeholder.encode(), name)
    return data


def zip_entry(name: str, mode: int = 0, create_system: int = 3) -> zipfile.ZipInfo:
    """The header of a file in a zip with this Unix mode."""
    info = zipfile.ZipInfo(name)
    info.external_attr, info.create_system = mode << 16, create_system
    return info


def tar_gz_of(files: Mapping[str, bytes] | Iterable[tuple[str | tarfile.TarInfo, bytes]], kind: int = 2) -> bytes:
    """A tar.gz of these files, in order; an item's name may be a whole `TarInfo`. `kind` is tarfile's format."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=kind) as archive:
        for name, content in files.items() if hasattr(files, "items") else files:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(content) if info.isreg() else info.size
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """The header of something in a tar, of one of tarfile's types."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info
