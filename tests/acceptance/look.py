"""One look at a server that is already running, before the run: does it answer, speak Grid's API and know the users?"""

from __future__ import annotations

import os

import httpx

from acceptance.server import trusted

_LOOK = "/v1/core/clusters"
_SECONDS = 10


def obstacle(url: str) -> str | None:
    """A sentence that says why a run cannot begin on this server, and what to do; None where it can."""
    users = [name for name in ("GRID_", "GRID_OTHER_") if all(map(os.environ.get, _variables(name)))]
    if len({os.environ[_variables(name)[0]] for name in users}) < len(users):
        return "GRID_USER_ID and GRID_OTHER_USER_ID are the same user. Name another user in GRID_OTHER_USER_ID."
    return next(filter(None, (_refused(url, *_variables(name)) for name in users)), None)


def _refused(url: str, id_variable: str, key_variable: str) -> str | None:
    user = (os.environ[id_variable], os.environ[key_variable])
    try:
        answer = httpx.get(f"{url.rstrip('/')}{_LOOK}", auth=user, timeout=_SECONDS, verify=trusted())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"no server answers at {url} ({error}). Start the server, or correct --url."
    if answer.status_code in (401, 403):
        return f"the server at {url} does not accept {id_variable} and {key_variable}. Correct them."
    if not answer.is_success or not _of_grid(answer):
        return f"{url} answers GET {_LOOK} with {answer.status_code}, but not as Grid's API does. Correct --url."
    return None


def _of_grid(answer: httpx.Response) -> bool:
    try:
        return "defaultCluster" in answer.json()
    except (ValueError, TypeError):
        return False


def _variables(prefix: str) -> tuple[str, str]:
    return f"{prefix}USER_ID", f"{prefix}API_KEY"
