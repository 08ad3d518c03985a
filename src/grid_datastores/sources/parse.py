"""Parses a source as typed: the URL of an archive, a bucket, or a local path. No I/O."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.domain.naming import shown_location

ARCHIVE_SUFFIXES = (".zip", ".tar.gz", ".tgz")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")


def parse_source(text: str, no_copy: bool = False) -> Source:
    """Return the source that `text` names. A path has kind FILES and is not read here. Enforces source-kinds.

    Raises `InvalidInput` for an address that no version can be made from. The message shows no part of an address that
    may contain a password.
    """
    scheme = _scheme(text)
    if scheme and "@" in _authority(text):
        raise InvalidInput("Leave the user name and password out of the address: the address is stored and shown.")
    if no_copy and scheme != "s3":
        raise InvalidInput("Only a bucket can be referenced without a copy. Give a source like s3://bucket/folder.")
    match scheme:
        case "":
            return Source(SourceKind.FILES, text)
        case "s3":
            split_bucket(text)
            return Source(SourceKind.REFERENCE if no_copy else SourceKind.BUCKET, text)
        case "http" | "https":
            _check_archive_url(text)
            return Source(SourceKind.ARCHIVE, text)
    raise InvalidInput(
        f"A version cannot be made from {scheme}://. Give a path, an http(s) URL of a .zip or .tar.gz, or s3://bucket."
    )


def split_bucket(location: str) -> tuple[str, str]:
    """Return the bucket and the prefix of `s3://bucket/prefix/`, without slashes at the ends ("" for the whole bucket).

    Raises `InvalidInput`. A location with a final slash names only a folder. Without the slash, it can also name
    one object (see `Bucket`).
    """
    bucket, _, prefix = location[len("s3://") :].partition("/")
    prefix = prefix.removesuffix("/")
    if not bucket:
        raise InvalidInput("The bucket is missing. Give a source like s3://bucket/folder.")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise InvalidInput(
            f"{bucket[:70]!r} is not a bucket name. Use 3 to 63 lower-case letters, digits, '-' and '.'."
        )
    if prefix and any(part in ("", ".", "..") for part in prefix.split("/")):
        raise InvalidInput(f"{prefix[:60]!r} is not a folder of a bucket: it contains an empty part, '.' or '..'.")
    return bucket, prefix


def _check_archive_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or _NOT_IN_URL.search(text):
        raise InvalidInput("This is not a valid URL. Give one like https://example.com/data.zip.")
    if not parts.path.lower().endswith(ARCHIVE_SUFFIXES):
        raise InvalidInput(f"{shown_location(text)} is not an archive. A URL must end in .zip, .tar.gz or .tgz.")


def _scheme(text: str) -> str:
    found = _SCHEME.match(text)
    return found[1].lower() if found else ""


def _authority(text: str) -> str:
    return re.split(r"[/?#]", text.split("://", 1)[1], maxsplit=1)[0]
