"""The objects of an S3 bucket as files of a version, copied or referenced.

A location that ends in a slash is a folder. Without the slash, it is the object with exactly that key if there is one
(like `aws s3 cp`), and otherwise the folder. An empty object with the name of a folder only marks the folder.

The environment sets endpoint, region and credentials; see `s3`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError, InvalidPathError, PreconditionError

from grid_datastores.domain.errors import InvalidInput, SourceFailed
from grid_datastores.sources.abort import abandon_on
from grid_datastores.sources.limits import OBJECT_PROGRESS
from grid_datastores.sources.parse import split_bucket
from grid_datastores.sources.s3 import open_store
from grid_datastores.storage.manifest import check_path
from grid_datastores.storage.packing import WithoutAttributes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from obstore import ObjectMeta

    from grid_datastores.sources.limits import FetchLimits

T = TypeVar("T")
_PART = 8 * 1024 * 1024  # bytes per request, which are held in memory
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_WRONG_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}


@dataclass(frozen=True, slots=True)
class BucketFile(WithoutAttributes):
    """One object as it was listed: its path below the prefix, its size in bytes, its ETag.

    If `single`, the location is this object's own key, and its path is the last part of the key.
    """

    path: str
    size: int
    etag: str
    bucket: Bucket = field(repr=False, compare=False)
    single: bool = False

    def chunks(self) -> Iterator[bytes]:
        """Yield the whole content; see `read`."""
        return self.read(0, self.size)

    def read(self, offset: int, size: int) -> Iterator[bytes]:
        """Yield `size` bytes from `offset`.

        Raises `SourceFailed` if the object is missing or has changed since the listing.
        """
        end = offset + size
        if self.size == 0:
            yield from self.bucket.part(self, 0, 0)
        while offset < end:
            for chunk in self.bucket.part(self, offset, min(end, offset + _PART)):
                offset += len(chunk)
                yield chunk


class Bucket:
    """The objects below a prefix of an S3 bucket, or the one object with that key."""

    def __init__(self, location: str, limits: FetchLimits) -> None:
        """Prepare to read s3://bucket/prefix or s3://bucket/key, without sending a request.

        Raises `InvalidInput`, and `SourceFailed` if a setting in the environment is invalid.
        """
        self._location = location
        self._limits = limits
        self._name, self._prefix = split_bucket(location)
        self._store = open_store(self._name, limits)

    def files(self) -> list[BucketFile]:
        """Return the object that the location names, or all objects below it, in the bucket's order.

        Leaves out empty objects that mark folders. Raises `SourceFailed` if there are no objects, too many, or one
        whose key cannot be a file's path.
        """
        single = self._single_object()
        if isinstance(single, BucketFile) and single.size:
            return [single]
        found = [
            file
            for meta in self._listed()
            if (file := self._file(meta)) and not (file.size == 0 and self._is_folder(file))
        ]
        if found:
            return found
        if isinstance(single, BucketFile):
            return [single]
        raise single or SourceFailed(f"{self._location} contains no object. A version needs at least one file.")

    def file(self, path: str, size: int, etag: str, single: bool = False) -> BucketFile:
        """Return the file of an object that was listed earlier. Reading it fails if the object has changed."""
        return BucketFile(path, size, etag, self, single)

    def part(self, file: BucketFile, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end` of an object, in one request. Yields nothing for an empty object."""
        options: obstore.GetOptions = {"if_match": file.etag or None}
        if end > start:
            options["range"] = (start, end)
        with self._bucket_errors():
            try:
                meta, data = self._waiting(lambda: self._get(file, options))
            except PreconditionError as error:
                raise self._changed(file) from error
            except FileNotFoundError as error:
                raise SourceFailed(f"{self._shown(file)} no longer exists.") from error
        if not _is_unchanged(meta, file) or len(data) != end - start:
            raise self._changed(file)
        self._limits.on_progress(OBJECT_PROGRESS)
        if data:
            yield data

    def _get(self, file: BucketFile, options: obstore.GetOptions) -> tuple[ObjectMeta, bytes]:
        """Return the object's current metadata and, unless it has changed, the bytes that the options ask for."""
        result = obstore.get(self._store, self._key(file), options=options)
        return result.meta, bytes(result.bytes()) if _is_unchanged(result.meta, file) else b""

    def _waiting(self, call: Callable[[], T]) -> T:
        """Return the result of a call of the library, unless a signal or the fetch's cancellation comes first."""
        return abandon_on(self._limits.check_cancelled, call)

    def _single_object(self) -> BucketFile | SourceFailed | None:
        """Return the object that the location names, None if there is none, or the error of a denied request.

        Credentials for a folder may not cover the key with its name, and a HEAD response gives no reason. So the
        listing comes next, and the caller raises this error only if the listing is empty.
        """
        if not self._prefix or self._location.endswith("/"):
            return None
        with self._bucket_errors():
            try:
                meta = self._waiting(lambda: obstore.head(self._store, self._prefix))
            except FileNotFoundError:
                return None
            except BaseError as error:
                if not _STATUS.search(str(error)):
                    raise
                return SourceFailed(_describe(error, f"the bucket {self._name}", self._location))
        self._limits.check_total(meta["size"])
        name = self._prefix.rpartition("/")[2]
        return BucketFile(self._checked(name), meta["size"], meta["e_tag"] or "", self, single=True)

    def _listed(self) -> Iterator[ObjectMeta]:
        count = size = 0
        with self._bucket_errors():
            batches = iter(obstore.list(self._store, self._prefix or None, chunk_size=1000))
            while batch := self._waiting(lambda: next(batches, None)):
                self._limits.progress(len(batch) * OBJECT_PROGRESS)
                for meta in batch:
                    count, size = count + 1, size + meta["size"]
                    self._limits.check_count(count)
                    self._limits.check_total(size)
                    yield meta

    def _file(self, meta: ObjectMeta) -> BucketFile | None:
        if meta["path"] == self._prefix:  # the folder's own marker
            return None
        path = meta["path"].removeprefix(f"{self._prefix}/")
        return BucketFile(self._checked(path), meta["size"], meta["e_tag"] or "", self)

    def _checked(self, path: str) -> str:
        try:
            return check_path(path)
        except InvalidInput as error:
            raise SourceFailed(
                f"{self._location} contains an object whose key cannot be a file's path. {error.message}"
            ) from error

    def _is_folder(self, file: BucketFile) -> bool:
        # obstore lists the key "folder/" as "folder", and no object has that key.
        with self._bucket_errors():
            try:
                self._waiting(lambda: obstore.head(self._store, self._key(file)))
            except FileNotFoundError:
                return True
        self._limits.on_progress(OBJECT_PROGRESS)
        return False

    def _key(self, file: BucketFile) -> str:
        if file.single:
            return self._prefix
        return f"{self._prefix}/{file.path}" if self._prefix else file.path

    def _shown(self, file: BucketFile) -> str:
        return self._location if file.single else f"{file.path} in {self._location}"

    def _changed(self, file: BucketFile) -> SourceFailed:
        return SourceFailed(f"{self._shown(file)} has changed since it was listed.")

    @contextmanager
    def _bucket_errors(self) -> Iterator[None]:
        """Raise `SourceFailed` for the library's errors, and for its panics, which are not an `Exception`."""
        try:
            yield
        except (BaseError, OSError) as error:
            raise SourceFailed(_describe(error, f"the bucket {self._name}", self._location)) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise SourceFailed(
                f"The bucket {self._name} cannot be accessed. Check the AWS_… variables on the machine that fetches it."
            ) from error


def _is_unchanged(meta: ObjectMeta, file: BucketFile) -> bool:
    return (meta["size"], meta["e_tag"] or "") == (file.size, file.etag)


def _describe(error: Exception, bucket: str, location: str) -> str:
    text = str(error)
    code, status = _first(_CODE, text), _first(_STATUS, text)
    if isinstance(error, InvalidPathError):
        return f"{location} contains an object whose key cannot be a file's path: it has an empty part, '.' or '..'."
    if code == "NoSuchBucket":
        return f"{bucket[0].upper()}{bucket[1:]} does not exist."
    if code in _WRONG_CREDENTIALS:
        return f"The credentials for {bucket} are wrong or have expired ({code})."
    if status in ("401", "403"):
        return (
            f"{bucket[0].upper()}{bucket[1:]} denies access."
            " Set credentials with read access on the machine that fetches it."
        )
    if code == "AuthorizationHeaderMalformed" or "redirect without LOCATION" in text:
        return f"{bucket[0].upper()}{bucket[1:]} is in another region. Set AWS_REGION to the bucket's region."
    if status:
        return f"{bucket[0].upper()}{bucket[1:]} answered {status}{f' ({code})' if code else ''}."
    return (
        f"{bucket[0].upper()}{bucket[1:]} cannot be reached."
        " Check AWS_ENDPOINT_URL, AWS_REGION and the network of the machine that fetches it."
    )


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
