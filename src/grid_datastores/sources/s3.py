"""The S3 service, configured by the AWS_… variables of the environment, which are checked here.

Without credentials in the environment, requests are anonymous. AWS_SKIP_SIGNATURE=false makes them use the machine's
own role instead.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import S3Store

from grid_datastores.domain.errors import SourceFailed

if TYPE_CHECKING:
    from obstore.store import S3Config

    from grid_datastores.sources.limits import FetchLimits

_CONNECT_TIMEOUT = timedelta(seconds=10)
_RETRIES = 3
_DEFAULT_REGION = "us-east-1"
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_IN_HEADERS = ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")
_CREDENTIALS = (
    *_KEYS,
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_REGION = re.compile(r"[A-Za-z0-9_-]{1,63}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9a-f:.]+")
_WHERE = "on the server (without a server, on this machine)"


def open_store(bucket: str, limits: FetchLimits) -> S3Store:
    """Return the bucket's store, without sending a request. Raises `SourceFailed` if a setting is invalid."""
    _check_endpoints()
    _check_credentials()
    endpoint = _first_set(_ENDPOINTS)
    config: S3Config = {"region": _checked_region()}
    if endpoint:
        config["endpoint"] = endpoint
    anonymous = not any(map(os.environ.get, _CREDENTIALS))
    skip_signature = os.environ.get("AWS_SKIP_SIGNATURE") or str(anonymous)
    stall = timedelta(seconds=limits.stall_seconds)
    try:
        # obstore reads the remaining settings from the environment.
        return S3Store(
            bucket,
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": _CONNECT_TIMEOUT,
                "timeout": stall,
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": stall},
            skip_signature=skip_signature.lower() in ("true", "1", "yes", "on"),
            config=config,
        )
    except BaseError as error:
        names = _rejected_variables(str(error))
        raise SourceFailed(f"{names} is invalid. Correct it {_WHERE}.") from error


def _check_endpoints() -> None:
    for name in _ENDPOINTS:
        if name in os.environ and not _is_address(os.environ[name]):
            raise SourceFailed(
                f"{name} is not a valid endpoint URL. Set it to one like https://s3.example.com {_WHERE}."
            )


def _is_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        host, port = address.hostname or "", address.port
    except ValueError:
        return False
    plain = text.isascii() and text.isprintable() and " " not in text
    return plain and address.scheme in ("http", "https") and bool(_HOST.fullmatch(host)) and port != 0


def _checked_region() -> str:
    region = _first_set(_REGIONS) or _DEFAULT_REGION
    if not _REGION.fullmatch(region):
        name = next(name for name in _REGIONS if os.environ.get(name))
        raise SourceFailed(f"{name} is not a valid region. Set it to one like {_DEFAULT_REGION} {_WHERE}.")
    return region


def _check_credentials() -> None:
    for name in _IN_HEADERS:
        if not re.fullmatch("[!-~]*", os.environ.get(name, "")):
            raise SourceFailed(
                f"{name} contains a space, a line break or another invalid character. Correct it {_WHERE}."
            )
    missing = [name for name in _KEYS if not os.environ.get(name)]
    if len(missing) == 1:
        (present,) = set(_KEYS) - set(missing)
        raise SourceFailed(f"{present} is set, but {missing[0]} is not. Set both {_WHERE}.")


def _first_set(names: tuple[str, ...]) -> str:
    return next(filter(None, map(os.environ.get, names)), "")


def _rejected_variables(message: str) -> str:
    """Return the names of the variables whose value the library rejected. Its message contains only the value."""
    checked = {*_ENDPOINTS, *_REGIONS, *_KEYS, *_IN_HEADERS}
    others = [name for name in sorted(os.environ) if name.startswith("AWS_") and name not in checked]
    rejected = [name for name in others if re.search(rf"(?<!\w){re.escape(os.environ[name])}(?!\w)", message)]
    return " or ".join(rejected or others) or "An AWS variable"
