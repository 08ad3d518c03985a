"""Settings: every environment variable that is read, declared once. Nothing here opens a file or a connection."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import unquote

from grid_datastores.domain.buckets import AllowedBucket, parse_allowed_bucket
from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.hosts import entries, guide_url, host_names, proxies, public_url, source_hosts
from grid_datastores.domain.naming import whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

DEFAULT_QUOTA = 50  # versions
DEFAULT_LEASE = 60  # seconds
DEFAULT_UPLOAD_EXPIRY = 24 * 60 * 60  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """How much, and how long, is allowed; times in seconds."""

    quota: int = DEFAULT_QUOTA
    lease: int = DEFAULT_LEASE
    upload_expiry: int = DEFAULT_UPLOAD_EXPIRY
    allowed_hosts: tuple[str, ...] = ()
    allowed_buckets: tuple[AllowedBucket, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept, and how much is allowed."""

    directory: Path
    catalog: Path  # SQLite's file
    limits: Limits
    answered_hosts: tuple[str, ...] = ()
    public_url: str = ""  # where clients reach the server, without a slash at the end; empty if not set
    trusted_proxies: tuple[str, ...] = ()  # addresses and networks whose X-Forwarded headers count; or "*"
    guide_url: str = ""  # where this guide is published, with a slash at the end; empty if not set

    @property
    def scratch(self) -> Path:
        """The folder of temporary files, on the disk of the data."""
        return self.data / "scratch"

    @property
    def data(self) -> Path:
        """The folder of the catalog and of the versions' bytes."""
        return self.directory / "data"


class Part(StrEnum):
    """The parts of the table of variables, in the order of the reference page."""

    DATA = "Data and limits"
    SERVER = "Addresses of a server"
    CLIENT = "The server that commands use"
    NETWORK = "Proxies and certificates"
    BUCKETS = "Buckets"
    OUTPUT = "Output"


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable, as the reference page shows it. `meaning`, `unset` and `example` are Markdown."""

    name: str
    part: Part
    meaning: str
    unset: str  # what applies when the variable is not set
    example: str = ""

    def given(self) -> str | None:
        """The text in the environment; None when it is not set."""
        return os.environ.get(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Variable, Generic[T]):
    """A variable of a server, or of a folder on this machine, with its default value and its parser."""

    default: T
    parse: Callable[[str, str], T]  # of the variable's name and its text; raises `InvalidInput`

    def read(self) -> T:
        """The value in the environment; the default when it is not set or empty. Raises `InvalidInput`."""
        text = self.given()
        return self.parse(self.name, text) if text else self.default


def read_settings() -> Settings:
    """The settings in the environment. Raises `InvalidInput` if one is invalid."""
    directory = DIRECTORY.read() or Path.home() / ".grid"
    STORAGE_URL.read()
    limits = Limits(
        quota=QUOTA.read(),
        lease=LEASE.read(),
        upload_expiry=UPLOAD_EXPIRY.read(),
        allowed_hosts=ALLOW_SOURCE_HOSTS.read(),
        allowed_buckets=ALLOW_SOURCE_BUCKETS.read(),
    )
    catalog = DATABASE_URL.read() or directory / "data" / "catalog.sqlite"
    return Settings(
        directory,
        catalog,
        limits,
        ALLOWED_HOSTS.read(),
        PUBLIC_URL.read(),
        FORWARDED_ALLOW_IPS.read(),
        GUIDE_URL.read(),
    )


def _folder(_name: str, text: str) -> Path:
    return Path(text)


def _no_storage(name: str, _text: str) -> None:
    raise InvalidInput(
        f"{name} is set, but the data can only be stored in a local folder."
        f" Unset it, and name the folder with GRID_DIR."
    )


def _source_buckets(name: str, text: str) -> tuple[AllowedBucket, ...]:
    buckets = {entry: parse_allowed_bucket(entry) for entry in entries(text)}
    for entry, allowed in buckets.items():
        if allowed is None:
            raise InvalidInput(
                f"{name} has {entry[:60]!r}, which is not a valid entry. Separate buckets with commas, for example"
                f" public-*,research/birds,ana:ana-data."
            )
    return tuple(filter(None, buckets.values()))


def _catalog(name: str, text: str) -> Path:
    """Return the path in the address. No message shows the address, as it may contain a password."""
    found = re.fullmatch(r"sqlite:///([^?#]+)", text)
    if not found:
        raise InvalidInput(
            f"{name} is not valid. The catalog can only be an SQLite file. Give its address in the form sqlite:///PATH."
        )
    return Path(unquote(found[1])).absolute()


def _whole_number(name: str, text: str) -> int:
    return whole_number(text, name, minimum=1)


DIRECTORY: Setting[Path | None] = Setting(
    "GRID_DIR",
    Part.DATA,
    "Folder of the credentials and, on a server or without one, of all data",
    "`~/.grid`",
    "`/srv/grid`",
    default=None,
    parse=_folder,
)
DATABASE_URL: Setting[Path | None] = Setting(
    "GRID_DATABASE_URL",
    Part.DATA,
    "The catalog, an SQLite file",
    "`data/catalog.sqlite` below `GRID_DIR`",
    "`sqlite:////srv/grid/catalog.sqlite`",
    default=None,
    parse=_catalog,
)
STORAGE_URL: Setting[None] = Setting(
    "GRID_STORAGE_URL",
    Part.DATA,
    "Refused if it is set: the data can only be stored below `GRID_DIR`",
    "`data` below `GRID_DIR`",
    default=None,
    parse=_no_storage,
)
QUOTA: Setting[int] = Setting(
    "GRID_QUOTA",
    Part.DATA,
    "Number of versions that a user can have",
    f"{DEFAULT_QUOTA}",
    "`200`",
    default=DEFAULT_QUOTA,
    parse=_whole_number,
)
LEASE: Setting[int] = Setting(
    "GRID_LEASE",
    Part.DATA,
    "Seconds without a heartbeat after which the lease of a Run expires. It applies to Runs that start later",
    f"{DEFAULT_LEASE}",
    "`300`",
    default=DEFAULT_LEASE,
    parse=_whole_number,
)
UPLOAD_EXPIRY: Setting[int] = Setting(
    "GRID_UPLOAD_EXPIRY",
    Part.DATA,
    "Seconds without data after which an upload expires. It applies to uploads that start later",
    f"{DEFAULT_UPLOAD_EXPIRY} (a day)",
    "`604800`",
    default=DEFAULT_UPLOAD_EXPIRY,
    parse=_whole_number,
)
ALLOW_SOURCE_HOSTS: Setting[tuple[str, ...]] = Setting(
    "GRID_ALLOW_SOURCE_HOSTS",
    Part.DATA,
    "Hosts, or `host:port`, separated by commas. Archives may be fetched from them although their addresses are"
    " private or this machine's",
    "none",
    "`files.internal,10.0.0.7:8080`",
    default=(),
    parse=source_hosts,
)
ALLOW_SOURCE_BUCKETS: Setting[tuple[AllowedBucket, ...]] = Setting(
    "GRID_ALLOW_SOURCE_BUCKETS",
    Part.DATA,
    "Buckets, or `bucket/folder`, separated by commas, that users of a server may read with its credentials. In the"
    " name of a bucket, `*` stands for any characters. `ana:bucket` allows it only to the user `ana`. Without a"
    " server, every bucket is allowed",
    "none",
    "`public-*,research/birds,ana:ana-data`",
    default=(),
    parse=_source_buckets,
)
ALLOWED_HOSTS: Setting[tuple[str, ...]] = Setting(
    "GRID_ALLOWED_HOSTS",
    Part.SERVER,
    "Names, separated by commas, that `grid serve` answers to besides those of its own machine",
    "none",
    "`grid.internal`",
    default=(),
    parse=host_names,
)
PUBLIC_URL: Setting[str] = Setting(
    "GRID_PUBLIC_URL",
    Part.SERVER,
    "Address at which clients reach `grid serve` [behind a reverse proxy](#behind-a-reverse-proxy): scheme, host and"
    " port",
    "the `Host` header of each request",
    "`https://grid.example`",
    default="",
    parse=public_url,
)
FORWARDED_ALLOW_IPS: Setting[tuple[str, ...]] = Setting(
    "GRID_FORWARDED_ALLOW_IPS",
    Part.SERVER,
    "Addresses and networks, separated by commas, of the proxies whose `X-Forwarded-Proto` and `X-Forwarded-For`"
    " headers `grid serve` believes; `*` for all",
    "none",
    "`10.0.0.5,192.168.0.0/24`",
    default=(),
    parse=proxies,
)
GUIDE_URL: Setting[str] = Setting(
    "GRID_GUIDE_URL",
    Part.SERVER,
    "Address at which this guide is published. The pages of `grid serve` then link to it",
    "no links",
    "`https://docs.example/grid/`",
    default="",
    parse=guide_url,
)
SERVER_URL = Variable(
    "GRID_URL",
    Part.CLIENT,
    "Address of the server. If it is set but empty, commands work on this machine",
    "the server of `grid login`; without one, this machine",
    "`https://grid.example`",
)
USER_ID = Variable("GRID_USER_ID", Part.CLIENT, "Your user name or id on that server", "that of `grid login`", "`ana`")
API_KEY = Variable("GRID_API_KEY", Part.CLIENT, "Your API key on that server", "that of `grid login`")
CLUSTER_ID = Variable(
    "GRID_CLUSTER_ID", Part.CLIENT, "The cluster of that server", "that of `grid login`; without one, `local`"
)
DEBUG = Variable("GRID_DEBUG", Part.OUTPUT, "If set, an unexpected error shows its traceback", "no traceback")

_KEYLESS = "anonymous requests"

VARIABLES: tuple[Variable, ...] = (
    DIRECTORY,
    DATABASE_URL,
    STORAGE_URL,
    QUOTA,
    LEASE,
    UPLOAD_EXPIRY,
    ALLOW_SOURCE_HOSTS,
    ALLOW_SOURCE_BUCKETS,
    ALLOWED_HOSTS,
    PUBLIC_URL,
    FORWARDED_ALLOW_IPS,
    GUIDE_URL,
    SERVER_URL,
    USER_ID,
    API_KEY,
    CLUSTER_ID,
    Variable("HTTPS_PROXY", Part.NETWORK, "[Proxy](cli.md#through-a-proxy) for addresses with `https://`", "none"),
    Variable("HTTP_PROXY", Part.NETWORK, "The same for `http://`", "none", "`http://proxy.example:3128`"),
    Variable("ALL_PROXY", Part.NETWORK, "The same for both, if the variable above is not set", "none"),
    Variable(
        "NO_PROXY",
        Part.NETWORK,
        "Hosts and networks that are reached without the proxy",
        "none",
        "`127.0.0.1,10.0.0.0/8`",
    ),
    Variable(
        "SSL_CERT_FILE",
        Part.NETWORK,
        "File with the certificate authorities to trust for `https://`",
        "those of the Python package certifi",
    ),
    Variable("AWS_ACCESS_KEY_ID", Part.BUCKETS, "Key that requests are signed with", _KEYLESS),
    Variable("AWS_SECRET_ACCESS_KEY", Part.BUCKETS, "Its secret", _KEYLESS),
    Variable("AWS_SESSION_TOKEN", Part.BUCKETS, "Token of a temporary key", "none"),
    Variable("AWS_WEB_IDENTITY_TOKEN_FILE", Part.BUCKETS, "File with the token of an AWS role", _KEYLESS),
    Variable(
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        Part.BUCKETS,
        "Path from which an AWS container gets its key",
        _KEYLESS,
    ),
    Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", Part.BUCKETS, "The same, as a whole address", _KEYLESS),
    Variable(
        "AWS_SKIP_SIGNATURE",
        Part.BUCKETS,
        "`true` makes requests anonymous. `false` signs them; if no key is set, with the role of the machine",
        "signed if a key is set",
    ),
    Variable("AWS_REGION", Part.BUCKETS, "Region of the buckets", "`us-east-1`", "`eu-central-1`"),
    Variable("AWS_DEFAULT_REGION", Part.BUCKETS, "The same, if `AWS_REGION` is not set", "`us-east-1`"),
    Variable("AWS_ENDPOINT_URL_S3", Part.BUCKETS, "Address of the service", "AWS", "`https://s3.example.com`"),
    Variable("AWS_ENDPOINT_URL", Part.BUCKETS, "The same, if the variable above is not set", "AWS"),
    Variable("AWS_ENDPOINT", Part.BUCKETS, "The same, if neither is set", "AWS"),
    DEBUG,
    Variable("TERM", Part.OUTPUT, "`dumb` prints no bold headers and no progress", "a terminal shows both"),
)
