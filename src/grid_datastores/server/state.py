"""The dependencies of requests: the service, the cluster, the user, and signed URLs."""

from __future__ import annotations

import hmac
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from time import monotonic
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase

from grid_datastores.domain.errors import NotFound, NotSignedIn
from grid_datastores.domain.model import User
from grid_datastores.server.signing_in import Attempts, Links
from grid_datastores.service import Service

CLUSTER = "local"


@dataclass(frozen=True, slots=True)
class State:
    """The service, the key that signs URLs of parts and contents, the failed sign-ins, and the sign-in links.

    `guide_url` is the address of the guide, with a slash at the end; "" if there is none to link to.
    """

    service: Service
    signing_key: bytes
    guide_url: str = ""
    attempts: Attempts = field(default_factory=lambda: Attempts(monotonic))
    links: Links = field(default_factory=lambda: Links(monotonic))

    def sign(self, path: str, query: dict[str, str], expires: datetime) -> str:
        """Return the path with a signed query. Until it expires, requests for it need no credentials."""
        seconds = str(int(expires.timestamp()))
        signature = self._signature(path, query, seconds)
        return f"{path}?{urlencode({**query, 'expires': seconds, 'signature': signature})}"

    def check(self, path: str, query: dict[str, str], expires: str, signature: str) -> None:
        """Raise `NotSignedIn` if this server did not sign the path and query, or if they have expired."""
        expected = self._signature(path, query, expires)
        now = self.service.now().timestamp()
        if not hmac.compare_digest(expected.encode(), signature.encode()) or int(expires) < now:
            raise NotSignedIn("This URL has expired or was changed. Request a new one.")

    def sign_in(self, request: Request, name: str, key: str) -> User:
        """Return the user whose key this is. Raises `NotSignedIn` and, after many wrong keys, `TooManyAttempts`."""
        address = request.client.host if request.client else ""
        return self.attempts.sign_in(self.service.accounts, name, key, address)

    def _signature(self, path: str, query: dict[str, str], expires: str) -> str:
        text = "\n".join([path, *(f"{key}={query[key]}" for key in sorted(query)), expires])
        return hmac.new(self.signing_key, text.encode(), sha256).hexdigest()


def _state(request: Request) -> State:
    state = request.app.state.grid
    assert isinstance(state, State)
    return state


class _Scheme(SecurityBase):
    """A way to sign in, as the OpenAPI description states it. `_user` reads the header itself."""

    def __init__(self, name: str, scheme: str, description: str) -> None:
        self.scheme_name = name
        self.model = HTTPBase(scheme=scheme, description=description)

    def __call__(self) -> None:
        """Do nothing when a request arrives."""


_KEY = _Scheme("key", "basic", "The user's name or id, and their key.")
_TOKEN = _Scheme("token", "bearer", "The token of `POST /v1/auth/login`.")


def _user(
    request: Request,
    state: Annotated[State, Depends(_state)],
    _key: Annotated[None, Security(_KEY)],
    _token: Annotated[None, Security(_TOKEN)],
) -> User:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return state.service.accounts.of_token(secret)
    if scheme.lower() != "basic":
        raise NotSignedIn("You are not signed in. Sign in with: grid login")
    try:
        name, _, key = b64decode(secret, validate=True).decode().partition(":")
    except ValueError as error:
        raise NotSignedIn("The Authorization header cannot be read. Sign in with: grid login") from error
    if not name or not key:
        raise NotSignedIn("The user or the key is missing. Sign in with: grid login")
    return state.sign_in(request, name, key)


def check_cluster(cluster: str) -> None:
    """Raise `NotFound` unless this is the server's one cluster."""
    if cluster != CLUSTER:
        raise NotFound(f"There is no cluster {cluster!r}. This server has only the cluster {CLUSTER}.")


def _cluster_in_path(request: Request) -> None:
    check_cluster(request.path_params["clusterId"])


TheState = Annotated[State, Depends(_state)]
TheUser = Annotated[User, Depends(_user)]
InCluster = Depends(_cluster_in_path)
