"""Compare what is read from storage with what was uploaded."""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING

from grid_datastores.domain.errors import Damaged
from grid_datastores.storage import fingerprint_of, raising_damaged, read_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from grid_datastores.domain.model import FileEntry, Version

DAMAGED_LIST = (
    "The list of files of this version is damaged in storage, so it was not used."
    " Restore the version from a backup, or upload the data as a new version."
)


def verify_manifest(chunks: Iterable[bytes], version: Version | None) -> tuple[int, str]:
    """Return the size in bytes and the SHA-256 of an encoded manifest. Raises `Damaged` if it is not the version's.

    A version of an older release has no recorded SHA-256. Its fingerprint covers neither folders nor times.
    """
    digest, size = sha256(), 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            yield chunk

    if version and version.manifest_sha256:
        deque(counted(), maxlen=0)
        is_recorded = digest.hexdigest() == version.manifest_sha256
    else:
        with raising_damaged():
            fingerprint = fingerprint_of(read_files(counted()))
        is_recorded = version is not None and version.fingerprint == fingerprint
    if not is_recorded:
        raise Damaged(DAMAGED_LIST)
    return size, digest.hexdigest()


def keep_lines(chunks: Iterable[bytes], wanted: range, lines: list[bytes]) -> Iterator[bytes]:
    """Yield these chunks of whole lines, and add the lines with the wanted numbers, counted from 0, to `lines`."""
    seen = 0
    for chunk in chunks:
        count = chunk.count(b"\n")
        if seen < wanted.stop and wanted.start < seen + count:
            shown = slice(max(0, wanted.start - seen), wanted.stop - seen)
            lines += chunk.splitlines(keepends=True)[shown]
        seen += count
        yield chunk


def verified_files(chunks: Iterable[bytes], files: Sequence[FileEntry], start: int) -> Iterator[bytes]:
    """Yield the chunks of an object from the offset `start`, which contain these files, sorted by offset.

    Raises `Damaged` instead of the chunk in which a file ends that does not match its SHA-256.
    """
    waiting = iter(files)
    file, digest = next(waiting, None), sha256()
    for chunk in chunks:
        end, view = start + len(chunk), memoryview(chunk)
        while file and file.offset < end:
            digest.update(view[max(0, file.offset - start) : file.offset + file.size - start])
            if file.offset + file.size > end:
                break
            _compare(digest.hexdigest(), file)
            file, digest = next(waiting, None), sha256()
        yield chunk
        start = end
    while file:  # empty files at the end, or the object is too short
        _compare(digest.hexdigest(), file)
        file, digest = next(waiting, None), sha256()


def verified(chunks: Iterable[bytes], expected_sha256: str) -> Iterator[bytes]:
    """Yield the chunks. Raises `Damaged` instead of the last one if together they do not have this SHA-256."""
    digest, last = sha256(), b""
    for chunk in chunks:
        if last:
            yield last
        digest.update(chunk)
        last = chunk
    if digest.hexdigest() != expected_sha256:
        raise Damaged(DAMAGED_LIST)
    yield last


def damaged_file(path: str) -> Damaged:
    """Return the refusal to send this file. Its metadata names the file."""
    return Damaged(
        f"{path} does not match its SHA-256: it is damaged in storage, so it was not sent. Restore it from a backup, or"
        " ask the operator to do that.",
        {"file": path},
    )


def _compare(found: str, file: FileEntry) -> None:
    if found != file.sha256:
        raise damaged_file(file.path)
