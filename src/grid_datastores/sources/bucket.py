"""Objects of an S3 bucket as files of a version, copied or referenced.

Endpoint, region and credentials are those of the server's environment, by the names that AWS gave them. Without
credentials there, requests are anonymous, unless AWS_SKIP_SIGNATURE=false says to use the machine's own role.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, InvalidPathError, PreconditionError
from obstore.store import S3Store

from grid_datastores.errors import InvalidInput, SourceFailed
from grid_datastores.sources.parse import split_bucket
from grid_datastores.storage.manifest import check_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore import ObjectMeta

    from grid_datastores.sources.limits import Limits

_PART = 8 * 1024 * 1024  # bytes asked for, and held in memory, at a time
_CONNECT = timedelta(seconds=10)
_RETRIES = 3
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_WRONG_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}


@dataclass(frozen=True, slots=True)
class BucketFile:
    """One object as it was when it was listed: its path below the prefix, its size in bytes, its ETag."""

    path: str
    size: int
    etag: str
    bucket: Bucket = field(repr=False, compare=False)

    def chunks(self) -> Iterator[bytes]:
        """All its content; see `read`."""
        return self.read(0, self.size)

    def read(self, offset: int, size: int) -> Iterator[bytes]:
        """`size` bytes from `offset` on. Raises `SourceFailed` when it is not there or not as it was listed."""
        end = offset + size
        if self.size == 0:
            yield from self.bucket.part(self, 0, 0)
        while offset < end:
            for chunk in self.bucket.part(self, offset, min(end, offset + _PART)):
                offset += len(chunk)
                yield chunk


class Bucket:
    """The objects below a prefix of an S3 bucket."""

    def __init__(self, location: str, limits: Limits) -> None:
        """`location` is s3://bucket/prefix; nothing is asked of the bucket yet. Raises `InvalidInput`."""
        self._location = location
        self._limits = limits
        self._name, self._prefix = split_bucket(location)
        self._store = _store(self._name, limits)

    def files(self) -> list[BucketFile]:
        """All objects, in the bucket's order; the empty ones that stand for folders are left out.

        Raises `SourceFailed` when there are none, too many, or one that no version can hold.
        """
        found = [
            file
            for meta in self._listed()
            if (file := self._file(meta)) and not (file.size == 0 and self._is_folder(file))
        ]
        if not found:
            raise SourceFailed(f"{self._location} holds no object; a version needs at least one file.")
        return found

    def file(self, path: str, size: int, etag: str) -> BucketFile:
        """An object that was listed before, to be read if it is still the same."""
        return BucketFile(path, size, etag, self)

    def part(self, file: BucketFile, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end` of an object, in one request; none for an empty object."""
        try:
            options: obstore.GetOptions = {"if_match": file.etag or None}
            if end > start:
                options["range"] = (start, end)
            result = obstore.get(self._store, self._key(file.path), options=options)
            changed = result.meta["size"] != file.size or (result.meta["e_tag"] or "") != file.etag
            data = b"" if changed else bytes(result.bytes())
        except PreconditionError as error:
            raise self._changed(file) from error
        except FileNotFoundError as error:
            raise SourceFailed(f"{file.path} is not in {self._location} any more.") from error
        except BaseError as error:
            raise self._failed(error) from error
        if changed or len(data) != end - start:
            raise self._changed(file)
        if data:
            yield data

    def _listed(self) -> Iterator[ObjectMeta]:
        count = size = 0
        try:
            for batch in obstore.list(self._store, self._prefix or None, chunk_size=1000):
                self._limits.check_wanted()
                for meta in batch:
                    count, size = count + 1, size + meta["size"]
                    self._limits.check_count(count)
                    self._limits.check_total(size)
                    yield meta
        except (BaseError, OSError) as error:
            raise self._failed(error) from error

    def _file(self, meta: ObjectMeta) -> BucketFile | None:
        if meta["path"] == self._prefix:  # what stands for the folder itself
            return None
        path = meta["path"].removeprefix(f"{self._prefix}/")
        try:
            return BucketFile(check_path(path), meta["size"], meta["e_tag"] or "", self)
        except InvalidInput as error:
            raise SourceFailed(
                f"{self._location} holds an object whose name a version's file cannot have, {path[:60]!r}."
            ) from error

    def _is_folder(self, file: BucketFile) -> bool:
        # obstore lists "folder/" as "folder", which is not there under this name.
        try:
            obstore.head(self._store, self._key(file.path))
        except FileNotFoundError:
            return True
        except BaseError as error:
            raise self._failed(error) from error
        return False

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}" if self._prefix else path

    def _changed(self, file: BucketFile) -> SourceFailed:
        return SourceFailed(f"{file.path} in {self._location} is not what it was when it was listed.")

    def _failed(self, error: Exception) -> SourceFailed:
        return SourceFailed(_sentence(error, f"the bucket {self._name}", self._location))


def _store(bucket: str, limits: Limits) -> S3Store:
    endpoint = next(filter(None, map(os.environ.get, _ENDPOINTS)), "")
    anonymous = not any(map(os.environ.get, _CREDENTIALS))
    skip_signature = os.environ.get("AWS_SKIP_SIGNATURE") or str(anonymous)
    # What is not given here obstore takes from the environment.
    return S3Store(
        bucket,
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": _CONNECT,
            "timeout": timedelta(seconds=limits.stall_seconds),
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=limits.stall_seconds)},
        skip_signature=skip_signature.lower() in ("true", "1", "yes", "on"),
    )


def _sentence(error: Exception, bucket: str, location: str) -> str:
    text = str(error)
    code, status = _first(_CODE, text), _first(_STATUS, text)
    if isinstance(error, InvalidPathError):
        return f"{location} holds an object whose name a version's file cannot have: an empty part, '.' or '..' in it."
    if code == "NoSuchBucket":
        return f"There is no {bucket.removeprefix('the ')}."
    if code in _WRONG_CREDENTIALS:
        return f"The server's credentials for {bucket} are wrong or have expired ({code})."
    if status in ("401", "403"):
        return f"The server may not read {bucket}; its operator can give it credentials that may."
    if code == "AuthorizationHeaderMalformed" or "redirect without LOCATION" in text:
        return f"{bucket[0].upper()}{bucket[1:]} is in another region than the one that the server asks in."
    if status:
        return f"{bucket[0].upper()}{bucket[1:]} answered {status}{f' ({code})' if code else ''}."
    return f"{bucket[0].upper()}{bucket[1:]} cannot be reached."


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
