"""Names, numbers and ids from users, and how a source is shown. Pure functions, which raise `InvalidInput`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from grid_datastores.domain.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_NAME_LENGTH = 63
_MAX_SHOWN = 20  # characters of a name or value that become part of a name or message
_MAX_DIGITS = 9  # of a whole number
MAX_LOCATION_LENGTH = 2048  # characters
MAX_NUMBER = 2**31 - 1
_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_NUMBER = re.compile(r"[1-9][0-9]*")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_INVALID_CHARACTERS = re.compile(r"[^a-z0-9_-]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_COMPRESSION_SUFFIX = re.compile(r"(?<=.)\.(gz|gzip|bz2|xz|zst|zstd|lz4|lz|lzma|br|z)$")
# Any short word is a format, and so are some longer ones. A version is not: "model.v2" has no suffix.
_FORMAT_SUFFIX = re.compile(
    r"(?<=.)\.(?!v?[0-9]+$)([a-z0-9]{1,8}"
    r"|safetensors|tfrecords|jsonlines|checkpoint|torchscript|webdataset|mlpackage|geoparquet|geopackage)$"
)


def check_name(name: str, what: str = "datastore") -> str:
    """Return the name if it is valid. Otherwise raise `InvalidInput`, which suggests the nearest valid name."""
    if len(name) <= MAX_NAME_LENGTH and _NAME.fullmatch(name):
        return name
    near = _nearest_name(name)
    shown = name if len(name) <= MAX_NAME_LENGTH else f"{name[:20]}… ({len(name)} characters)"
    offer = f" Try {near}." if near else ""
    raise InvalidInput(
        f"{shown!r} is not a valid {what} name. Use up to {MAX_NAME_LENGTH} lower-case letters, digits, '-' and '_',"
        f" beginning and ending with a letter or digit.{offer}"
    )


def name_from_source(location: str) -> str:
    """Derive a name from a source: its last part, in lower case, without its suffix. Enforces source-name.

    A compression and the format before it are one suffix: "birds.csv.gz" gives the same name as "birds.csv".
    """
    path = unquote(location.split("?")[0].split("#")[0]) if "://" in location else location
    last = _last_part(path)
    return _require_name(last, _FORMAT_SUFFIX.sub("", _COMPRESSION_SUFFIX.sub("", last)))


def name_from_folder(location: str) -> str:
    """Derive a name from a folder. It has no suffix: text after a dot is part of the name (rule source-name)."""
    last = _last_part(location)
    return _require_name(last, last)


def unique_name(name: str, owner: str, taken: Collection[str]) -> str:
    """Return the name, or a variant that is not in `taken`: with the owner's name, and a number if needed."""
    candidate, number = name, 1
    while candidate in taken:
        suffix = f"-{owner[:_MAX_SHOWN].rstrip('-_')}{f'-{number}' if number > 1 else ''}"
        candidate = f"{name[: MAX_NAME_LENGTH - len(suffix)].rstrip('-_')}{suffix}"
        number += 1
    return candidate


def parse_number(text: str) -> int:
    """Parse a version number. "latest", 0, 03, negative and huge numbers are invalid. Enforces no-default-version."""
    if _NUMBER.fullmatch(text) and int(text[:20]) <= MAX_NUMBER:
        return int(text)
    shown = text if len(text) <= 20 else f"{text[:20]}…"
    raise InvalidInput(
        f"{shown!r} is not a version number. Give the number, for example 3. There is no 'latest' or 'all'."
    )


def whole_number(text: str, what: str, minimum: int = 0, maximum: int = 10**_MAX_DIGITS - 1) -> int:
    """Parse a whole number of at most nine digits. The message of `InvalidInput` begins with `what`."""
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and minimum <= int(text) <= maximum:
        return int(text)
    raise InvalidInput(f"{what} is {text[:_MAX_SHOWN]!r}. It must be a whole number from {minimum} to {maximum}.")


def is_id(text: str) -> bool:
    """Return whether the text can be an id, which is safe in a URL and in a file name."""
    return _ID.fullmatch(text) is not None


def shown_location(location: str) -> str:
    """Return the address without secrets: without user, password, query and fragment (rule source-shown).

    A `?` in a bucket location is part of a key, and a path is returned unchanged.
    """
    scheme, separator, rest = location.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        return location
    visible = rest if scheme.lower() == "s3" else re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = visible.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def check_location(location: str) -> None:
    """Raise `InvalidInput` if the location is too long for a URL or path. Every list of versions shows it."""
    if len(location) > MAX_LOCATION_LENGTH:
        raise InvalidInput(f"The source has {len(location)} characters. At most {MAX_LOCATION_LENGTH} are allowed.")


def _last_part(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1].lower()


def _require_name(last: str, candidate: str) -> str:
    name = _nearest_name(candidate)
    if not name:
        raise InvalidInput(f"No name can be made from {last[:60]!r}. Give one with --name.")
    return name


def _nearest_name(text: str) -> str:
    return _INVALID_CHARACTERS.sub("-", text.lower())[:MAX_NAME_LENGTH].strip("-_")
