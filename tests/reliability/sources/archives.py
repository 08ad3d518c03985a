"""Sound archives of the same files, and how a test fetches one whole."""

from __future__ import annotations

import io
import tarfile
import zipfile
from functools import cache
from pathlib import Path

from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.sources.addresses import Resolve
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.sources.remote import open_remote

FILES = {f"small/{n}.txt": f"file {n}".encode() for n in range(50)} | {
    "a-large": bytes(range(256)) * 8000,
    "small/z": b"after a large one",
    "z-large": b"\1\2\3" * 500_000,
}


@cache
def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in FILES.items():
            archive.writestr(path, content)
    return buffer.getvalue()


@cache
def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in FILES.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def fetch(
    url: str,
    scratch: Path,
    allowed: tuple[str, ...] = ("127.0.0.1",),
    limits: FetchLimits | None = None,
    resolve: Resolve = here,
) -> dict[str, bytes]:
    """All files behind a URL, each read whole."""
    with open_remote(Source(SourceKind.ARCHIVE, url), scratch, limits, allowed, resolve) as remote:
        files = {file.path: b"".join(file.chunks()) for file in remote.files}
        assert remote.size_bytes == sum(map(len, files.values()))
    return files
