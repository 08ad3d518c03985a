"""Names, numbers and ids as users give them, and how a source is shown: pure, each raising `InvalidInput`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from grid_datastores.domain.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection

NAME_LENGTH = 63
_SHOWN = 20  # characters of a name or value that become part of a name or message
_DIGITS = 9  # of a whole number
LOCATION_LENGTH = 2048  # characters
LARGEST_NUMBER = 2**31 - 1
_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")
_NUMBER = re.compile(r"[1-9][0-9]*")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_NOT_NAME = re.compile(r"[^a-z0-9_-]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_PACKED = re.compile(r"(?<=.)\.(gz|gzip|bz2|xz|zst|zstd|lz4|lz|lzma|br|z)$")
# Any short word is a format, and so are some longer ones. A version is none: "model.v2" stays as it is.
_FORMAT = re.compile(
    r"(?<=.)\.(?!v?[0-9]+$)([a-z0-9]{1,8}"
    r"|safetensors|tfrecords|jsonlines|checkpoint|torchscript|webdataset|mlpackage|geoparquet|geopackage)$"
)


def check_name(name: str, what: str = "datastore") -> str:
    """The name itself, if it is one; the message of `InvalidInput` offers the nearest that is."""
    if len(name) <= NAME_LENGTH and _NAME.fullmatch(name):
        return name
    near = _nearest_name(name)
    shown = name if len(name) <= NAME_LENGTH else f"{name[:20]}… ({len(name)} characters)"
    offer = f" Try {near}." if near else ""
    raise InvalidInput(
        f"{shown!r} is not a {what} name: use up to {NAME_LENGTH} lower-case letters, digits, '-' and '_',"
        f" beginning and ending with a letter or digit.{offer}"
    )


def name_from_source(location: str) -> str:
    """The name of a source without a name: its last part, lower-case, suffix stripped (rule source-name).

    A compression and the format below it are one suffix: "birds.csv.gz" is called as "birds.csv" is.
    """
    path = unquote(location.split("?")[0].split("#")[0]) if "://" in location else location
    last = _last_part(path)
    return _name_of(last, _FORMAT.sub("", _PACKED.sub("", last)))


def name_from_folder(location: str) -> str:
    """The same of a folder, which has no suffix: what follows a dot is part of its name (rule source-name)."""
    last = _last_part(location)
    return _name_of(last, last)


def name_apart(name: str, owner: str, taken: Collection[str]) -> str:
    """The name, or where it is taken a valid one that is not: with the owner's name, and a number if needed."""
    apart, number = name, 1
    while apart in taken:
        ending = f"-{owner[:_SHOWN].rstrip('-_')}{f'-{number}' if number > 1 else ''}"
        apart = f"{name[: NAME_LENGTH - len(ending)].rstrip('-_')}{ending}"
        number += 1
    return apart


def parse_number(text: str) -> int:
    """A version number as typed; "latest", 0, 03, negative and huge ones are not (rule no-default-version)."""
    if _NUMBER.fullmatch(text) and int(text[:20]) <= LARGEST_NUMBER:
        return int(text)
    shown = text if len(text) <= 20 else f"{text[:20]}…"
    raise InvalidInput(f"{shown!r} is not a version: give its number, 1 or more. Nothing stands for latest or all.")


def whole_number(text: str, what: str, least: int = 0) -> int:
    """The whole number, of at most nine digits; the message names `what` it is the value of."""
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS and int(text) >= least:
        return int(text)
    raise InvalidInput(f"{what} is {text[:_SHOWN]!r}. It must be a whole number from {least} to {10**_DIGITS - 1}.")


def is_id(text: str) -> bool:
    """Whether it can be an id: a plain word wherever it goes, into an address or the name of a file."""
    return _ID.fullmatch(text) is not None


def shown_location(location: str) -> str:
    """An address without what may be secret in it: user, password, query and fragment (rule source-shown).

    What follows a `?` in a bucket belongs to its name, and a path is shown as it is.
    """
    scheme, separator, rest = location.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        return location
    place = rest if scheme.lower() == "s3" else re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = place.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def check_location(location: str) -> None:
    """What is told of a source is as long as an address or a path can be, at most: every list shows it."""
    if len(location) > LOCATION_LENGTH:
        raise InvalidInput(f"The source has {len(location)} characters; {LOCATION_LENGTH} are allowed.")


def _last_part(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1].lower()


def _name_of(last: str, wanted: str) -> str:
    name = _nearest_name(wanted)
    if not name:
        raise InvalidInput(f"No name can be made from {last[:60]!r}; give one with --name.")
    return name


def _nearest_name(text: str) -> str:
    return _NOT_NAME.sub("-", text.lower())[:NAME_LENGTH].strip("-_")
