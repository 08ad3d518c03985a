"""The server and user of a command: from the environment, else from the credentials that `grid login` stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from grid_datastores.domain.errors import InvalidInput, NotSignedIn, SourceFailed
from grid_datastores.domain.naming import is_id
from grid_datastores.domain.text import os_reason
from grid_datastores.settings import API_KEY, CLUSTER_ID, SERVER_URL, USER_ID
from grid_datastores.system.files import atomic_write, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from grid_datastores.settings import Settings

_FILE = "credentials.json"  # with the keys UserID and APIKey, as in Grid's own client
DEFAULT_CLUSTER = "local"


class Server(NamedTuple):
    """A server and one of its users."""

    url: str
    user_id: str
    api_key: str
    cluster: str


def credentials_file(settings: Settings) -> Path:
    """Return the path of the file in which `grid login` stores the credentials."""
    return settings.directory / _FILE


def find_server(settings: Settings) -> Server | None:
    """Return the server, or None for this machine, also if GRID_URL is empty.

    GRID_USER_ID, GRID_API_KEY and GRID_CLUSTER_ID take precedence over the stored credentials, which are only read if
    necessary. Raises `NotSignedIn` if there are no credentials for this server. Those of another server are not used:
    a key is only sent to its own server.
    """
    url = SERVER_URL.given()
    user_id, api_key = USER_ID.given() or "", API_KEY.given() or ""
    stored = None if url == "" or (url and user_id and api_key) else _read(settings)
    url = url if url is not None else stored.url if stored else ""
    if not url:
        return None
    url = normalize_url(url)
    if stored and stored.url != url:
        stored = None
    if stored:
        user_id, api_key = user_id or stored.user_id, api_key or stored.api_key
    if not user_id or not api_key:
        raise NotSignedIn(f"You are not signed in at {url}. Sign in with: grid login --url {url}")
    return Server(url, user_id, api_key, _cluster_variable() or (stored.cluster if stored else DEFAULT_CLUSTER))


def store_credentials(settings: Settings, server: Server) -> Path:
    """Store the credentials for later commands in a file that only its owner can read. Return its path."""
    content = {"UserID": server.user_id, "APIKey": server.api_key, "URL": server.url, "Cluster": server.cluster}
    path = credentials_file(settings)
    try:
        settings.directory.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, 0o600) as file:
            file.write(json.dumps(content, indent=2).encode())
        sync_folder(settings.directory)
    except OSError as error:
        raise SourceFailed(f"{path} cannot be written: {os_reason(error)}.") from error
    return path


class RemovedCredentials(NamedTuple):
    """The credentials that were removed. `url` and `user_id` are empty if the file was damaged."""

    path: Path
    url: str
    user_id: str


def remove_credentials(settings: Settings) -> RemovedCredentials | None:
    """Remove the stored credentials and return them, or None if there were none."""
    path = credentials_file(settings)
    try:
        stored = _read(settings)
    except NotSignedIn:  # damaged
        stored = None
    try:
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceFailed(f"{path} cannot be removed: {os_reason(error)}.") from error
    return RemovedCredentials(path, stored.url if stored else "", stored.user_id if stored else "")


def overriding_variables(server: Server, name: str) -> list[str]:
    """Return the environment variables that override the stored credentials of the user `name` with other values."""
    same_values = {
        SERVER_URL: (None, server.url, f"{server.url}/"),
        USER_ID: (None, server.user_id, name, ""),
        API_KEY: (None, server.api_key, ""),
        CLUSTER_ID: (None, server.cluster, ""),
    }
    return [variable.name for variable, same in same_values.items() if variable.given() not in same]


def normalize_url(url: str) -> str:
    """Return the address without trailing slashes. Raises `InvalidInput` if it is not an HTTP address."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise InvalidInput(
            f"{url!r} is not the address of a server. Give it in full, for example http://127.0.0.1:8000."
        )
    return url.rstrip("/")


def _cluster_variable() -> str:
    cluster = CLUSTER_ID.given() or ""
    if cluster and not is_id(cluster):
        raise InvalidInput(
            f"{CLUSTER_ID.name} is not a cluster id: {cluster[:60]!r}. Unset it to use the cluster {DEFAULT_CLUSTER}."
        )
    return cluster


def _read(settings: Settings) -> Server | None:
    """Return the stored credentials, or None if there is no file.

    Raises `NotSignedIn` for a damaged file. Ignoring it would make commands work on this machine instead of the server.
    """
    path = credentials_file(settings)
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceFailed(f"{path} cannot be read: {os_reason(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(content, dict):
        raise _damaged(path)
    values = [content.get(key) for key in ("URL", "UserID", "APIKey")]
    url, user_id, api_key = (value if isinstance(value, str) else "" for value in values)
    cluster = content.get("Cluster") or DEFAULT_CLUSTER
    if not (url and user_id and api_key and isinstance(cluster, str) and is_id(cluster)):
        raise _damaged(path)
    return Server(url, user_id, api_key, cluster)


def _damaged(path: Path) -> NotSignedIn:
    return NotSignedIn(f"{path} is damaged. Sign in again with: grid login --url URL")
