"""Objects of an S3 bucket as files of a version, copied or referenced.

A location without a slash at its end is the object of exactly that key if there is one, as for `aws s3 cp`, and else
the folder of that name. With a slash it is the folder. An empty object beside a folder of its name only marks it.

Endpoint, region and credentials are those of the environment; see `s3`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, InvalidPathError, PreconditionError

from grid_datastores.domain.errors import InvalidInput, SourceFailed
from grid_datastores.sources.parse import split_bucket
from grid_datastores.sources.s3 import open_store, service
from grid_datastores.storage.manifest import check_path
from grid_datastores.storage.packing import WithoutAttributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from obstore import ObjectMeta

    from grid_datastores.sources.limits import Limits

_PART = 8 * 1024 * 1024  # bytes asked for, and held in memory, at a time
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_WRONG_CREDENTIALS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}


@dataclass(frozen=True, slots=True)
class BucketFile(WithoutAttributes):
    """One object as it was when it was listed: its path below the prefix, its size in bytes, its ETag.

    One that is `alone` is what the location itself names; its path is the last part of that.
    """

    path: str
    size: int
    etag: str
    bucket: Bucket = field(repr=False, compare=False)
    alone: bool = False

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
    """The objects below a prefix of an S3 bucket, or the one object of that key."""

    def __init__(self, location: str, limits: Limits) -> None:
        """`location` is s3://bucket/prefix or s3://bucket/key; nothing is asked of the bucket yet.

        Raises `InvalidInput`, and `SourceFailed` when a setting of the service cannot be right.
        """
        self._location = location
        self._limits = limits
        self._name, self._prefix = split_bucket(location)
        self._store = open_store(self._name, limits)

    def files(self) -> list[BucketFile]:
        """The one object that the location names, or all objects below it, in the bucket's order.

        Empty objects that stand for folders are left out. Raises `SourceFailed` when there are none, too many, or one
        that no version can hold.
        """
        alone = self._alone()
        if isinstance(alone, BucketFile) and alone.size:
            return [alone]
        found = [
            file
            for meta in self._listed()
            if (file := self._file(meta)) and not (file.size == 0 and self._is_folder(file))
        ]
        if found:
            return found
        if isinstance(alone, BucketFile):
            return [alone]
        raise alone or SourceFailed(f"{self._location} holds no object; a version needs at least one file.")

    def file(self, path: str, size: int, etag: str, alone: bool = False) -> BucketFile:
        """An object that was listed before, to be read if it is still the same."""
        return BucketFile(path, size, etag, self, alone)

    def part(self, file: BucketFile, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end` of an object, in one request; none for an empty object."""
        options: obstore.GetOptions = {"if_match": file.etag or None}
        if end > start:
            options["range"] = (start, end)
        with self._told():
            try:
                result = obstore.get(self._store, self._key(file), options=options)
                changed = result.meta["size"] != file.size or (result.meta["e_tag"] or "") != file.etag
                data = b"" if changed else bytes(result.bytes())
            except PreconditionError as error:
                raise self._changed(file) from error
            except FileNotFoundError as error:
                raise SourceFailed(f"{self._shown(file)} is not there any more.") from error
        if changed or len(data) != end - start:
            raise self._changed(file)
        if data:
            yield data

    def _alone(self) -> BucketFile | SourceFailed | None:
        """The object that the location names, None where there is none, or why the bucket does not say.

        Credentials for a folder may not cover the key of its name, and this answer has no reason in it, so the listing
        decides, and this counts only where it finds nothing.
        """
        if not self._prefix or self._location.endswith("/"):
            return None
        with self._told():
            try:
                meta = obstore.head(self._store, self._prefix)
            except FileNotFoundError:
                return None
            except BaseError as error:
                if not _STATUS.search(str(error)):
                    raise
                return SourceFailed(_sentence(error, f"the bucket {self._name}", self._location))
        self._limits.check_total(meta["size"])
        name = self._prefix.rpartition("/")[2]
        return BucketFile(self._checked(name), meta["size"], meta["e_tag"] or "", self, alone=True)

    def _listed(self) -> Iterator[ObjectMeta]:
        count = size = 0
        with self._told():
            for batch in obstore.list(self._store, self._prefix or None, chunk_size=1000):
                self._limits.check_wanted()
                for meta in batch:
                    count, size = count + 1, size + meta["size"]
                    self._limits.check_count(count)
                    self._limits.check_total(size)
                    yield meta

    def _file(self, meta: ObjectMeta) -> BucketFile | None:
        if meta["path"] == self._prefix:  # what stands for the folder itself
            return None
        path = meta["path"].removeprefix(f"{self._prefix}/")
        return BucketFile(self._checked(path), meta["size"], meta["e_tag"] or "", self)

    def _checked(self, path: str) -> str:
        try:
            return check_path(path)
        except InvalidInput as error:
            raise SourceFailed(
                f"{self._location} holds an object whose name a version's file cannot have. {error.message}"
            ) from error

    def _is_folder(self, file: BucketFile) -> bool:
        # obstore lists "folder/" as "folder", which is not there under this name.
        with self._told():
            try:
                obstore.head(self._store, self._key(file))
            except FileNotFoundError:
                return True
        return False

    def _key(self, file: BucketFile) -> str:
        if file.alone:
            return self._prefix
        return f"{self._prefix}/{file.path}" if self._prefix else file.path

    def _shown(self, file: BucketFile) -> str:
        return self._location if file.alone else f"{file.path} in {self._location}"

    def _changed(self, file: BucketFile) -> SourceFailed:
        return SourceFailed(f"{self._shown(file)} is not what it was when it was listed.")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the library raises, in a sentence; it panics, as no `Exception`, at what it did not expect."""
        try:
            yield
        except (BaseError, OSError) as error:
            raise SourceFailed(_sentence(error, f"the bucket {self._name}", self._location)) from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            raise SourceFailed(
                f"The bucket {self._name} cannot be asked for; check the variables AWS_… where it is fetched."
            ) from error


def _sentence(error: Exception, bucket: str, location: str) -> str:
    text = str(error)
    code, status = _first(_CODE, text), _first(_STATUS, text)
    if isinstance(error, InvalidPathError):
        return f"{location} holds an object whose name a version's file cannot have: an empty part, '.' or '..' in it."
    if code == "NoSuchBucket":
        return f"There is no {bucket.removeprefix('the ')}."
    if code in _WRONG_CREDENTIALS:
        return f"The credentials for {bucket} are wrong or have expired ({code})."
    if status in ("401", "403"):
        return f"{bucket[0].upper()}{bucket[1:]} may not be read; credentials that may are needed where it is fetched."
    if code == "AuthorizationHeaderMalformed" or "redirect without LOCATION" in text:
        return f"{bucket[0].upper()}{bucket[1:]} is in another region than the one that is asked; set AWS_REGION."
    if status:
        return f"{bucket[0].upper()}{bucket[1:]} answered {status}{f' ({code})' if code else ''}."
    return (
        f"{bucket[0].upper()}{bucket[1:]} cannot be reached at {service()};"
        " check AWS_ENDPOINT_URL, AWS_REGION and the network where it is fetched."
    )


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
