"""Which server the CLI speaks to, and as whom: from the environment, else from what `grid login` kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grid_datastores.domain.errors import InvalidInput, NotSignedIn, SourceFailed
from grid_datastores.domain.naming import is_id
from grid_datastores.domain.text import os_reason
from grid_datastores.settings import API_KEY, CLUSTER_ID, SERVER_URL, USER_ID
from grid_datastores.system.files import replacing, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from grid_datastores.settings import Settings

_FILE = "credentials.json"  # the keys UserID and APIKey are those of Grid's own client
LOCAL = "local"  # the cluster, when nobody says which


@dataclass(frozen=True, slots=True)
class Server:
    """A server and one of its users."""

    url: str
    user_id: str
    api_key: str
    cluster: str


def credentials_file(settings: Settings) -> Path:
    """Where `grid login` keeps them."""
    return settings.directory / _FILE


def find_server(settings: Settings) -> Server | None:
    """The server to speak to; None is this machine. GRID_URL set to nothing means this machine, too.

    GRID_USER_ID, GRID_API_KEY and GRID_CLUSTER_ID go before what was kept, which is not read where it is not needed.
    Raises `NotSignedIn` without credentials,
    also when they were kept for another server: a key is sent to no server but its own.
    """
    url = SERVER_URL.given()
    user_id, api_key = USER_ID.given() or "", API_KEY.given() or ""
    kept = None if url == "" or (url and user_id and api_key) else _read(settings)
    url = url if url is not None else kept.url if kept else ""
    if not url:
        return None
    url = checked_url(url)
    if kept and kept.url == url:
        user_id, api_key = user_id or kept.user_id, api_key or kept.api_key
    if not user_id or not api_key:
        raise NotSignedIn(f"Nobody is signed in at {url}; sign in with: grid login --url {url}")
    return Server(url, user_id, api_key, _asked_cluster() or (kept.cluster if kept and kept.url == url else LOCAL))


def keep(settings: Settings, server: Server) -> Path:
    """Keep the credentials for later commands, readable by their owner only; says where."""
    content = {"UserID": server.user_id, "APIKey": server.api_key, "URL": server.url, "Cluster": server.cluster}
    path = credentials_file(settings)
    try:
        settings.directory.mkdir(parents=True, exist_ok=True)
        with replacing(path, 0o600) as file:
            file.write(json.dumps(content, indent=2).encode())
        sync_folder(settings.directory)
    except OSError as error:
        raise SourceFailed(f"{path} cannot be written: {os_reason(error)}.") from error
    return path


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The credentials that were removed; no address and user where they were damaged."""

    path: Path
    url: str
    user_id: str


def forget(settings: Settings) -> Forgotten | None:
    """Remove what was kept; None where nothing was."""
    path = credentials_file(settings)
    try:
        kept = _read(settings)
    except NotSignedIn:  # damaged
        kept = None
    try:
        path.unlink()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceFailed(f"{path} cannot be removed: {os_reason(error)}.") from error
    return Forgotten(path, kept.url if kept else "", kept.user_id if kept else "")


def overriding(server: Server, name: str) -> list[str]:
    """The variables that go before what was kept for the server and this name of its user, and say something else."""
    kept = {
        SERVER_URL: (None, server.url, f"{server.url}/"),
        USER_ID: (None, server.user_id, name, ""),
        API_KEY: (None, server.api_key, ""),
        CLUSTER_ID: (None, server.cluster, ""),
    }
    return [variable.name for variable, same in kept.items() if variable.given() not in same]


def checked_url(url: str) -> str:
    """The address without a slash at its end; raises `InvalidInput` when it cannot be a server's."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or not url.isprintable() or " " in url:
        raise InvalidInput(f"{url!r} is not a server's address; it is like http://127.0.0.1:8000.")
    return url.rstrip("/")


def _asked_cluster() -> str:
    asked = CLUSTER_ID.given() or ""
    if asked and not is_id(asked):
        raise InvalidInput(
            f"{CLUSTER_ID.name} is {asked[:60]!r}, which is not the id of a cluster; leave it out for local."
        )
    return asked


def _read(settings: Settings) -> Server | None:
    """What `keep` kept; half of it is no answer, as the commands would work on this machine unawares."""
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
    words = [content.get(key) for key in ("URL", "UserID", "APIKey")]
    url, user_id, api_key = (word if isinstance(word, str) else "" for word in words)
    cluster = content.get("Cluster") or LOCAL
    if not (url and user_id and api_key and isinstance(cluster, str) and is_id(cluster)):
        raise _damaged(path)
    return Server(url, user_id, api_key, cluster)


def _damaged(path: Path) -> NotSignedIn:
    return NotSignedIn(f"{path} is damaged; sign in again with: grid login --url URL")
