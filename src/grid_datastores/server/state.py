"""The dependencies of requests: the service, the cluster, the user, and signed URLs."""

from __future__ import annotations

import hmac
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from secrets import token_bytes
from time import monotonic
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase

from grid_datastores.domain.errors import NotFound, NotSignedIn
from grid_datastores.domain.model import User
from grid_datastores.domain.sign_ins import Client, SignInKind
from grid_datastores.server.signing_in import Attempts, Links
from grid_datastores.service import Service

CLUSTER = "local"
_USER = "grid.user"  # in the scope of one request


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs the URLs of one user's parts and contents. A new API key or signing key invalidates them."""

    key: bytes

    def sign(self, path: str, query: dict[str, str], expires: datetime) -> str:
        """Return the path with a signed query. Until it expires, requests for it need no credentials."""
        seconds = str(int(expires.timestamp()))
        signature = self.signature(path, query, seconds)
        return f"{path}?{urlencode({**query, 'expires': seconds, 'signature': signature})}"

    def signature(self, path: str, query: dict[str, str], expires: str) -> str:
        """Return the signature of the path, the query and the time in seconds."""
        text = "\n".join([path, *(f"{key}={query[key]}" for key in sorted(query)), expires])
        return hmac.new(self.key, text.encode(), sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class State:
    """The service, the URL of the guide or "", the failed sign-ins, and the sign-in links."""

    service: Service
    guide_url: str = ""
    attempts: Attempts = field(default_factory=lambda: Attempts(monotonic))
    links: Links = field(init=False)

    def __post_init__(self) -> None:
        """Make the sign-in links, which end with a new key of their user, like signed URLs."""
        object.__setattr__(self, "links", Links(monotonic, self.service.accounts.url_key))

    def signer(self, user_id: str) -> Signer:
        """Return what signs the user's URLs. For an unknown user, no signature is valid."""
        return Signer(self.service.accounts.url_key(user_id) or token_bytes())

    def check(self, user_id: str, path: str, query: dict[str, str], expires: str, signature: str) -> None:
        """Raise `NotSignedIn` if this server did not sign the path and query for the user, or if they have expired."""
        expected = self.signer(user_id).signature(path, query, expires)
        now = self.service.now().timestamp()
        if not hmac.compare_digest(expected.encode(), signature.encode()) or int(expires) < now:
            raise NotSignedIn("This URL has expired or was changed. Request a new one.")

    def sign_in(self, request: Request, name: str, key: str) -> User:
        """Return the user whose key this is. Raises `NotSignedIn` and, after many wrong keys, `TooManyAttempts`."""
        address = request.client.host if request.client else ""
        return self.attempts.sign_in(self.service.accounts, name, key, address)


# These dependencies only compute. As coroutines, they need no thread: FastAPI would run each of them in another one.


async def _state(request: Request) -> State:
    return state_of(request)


def state_of(request: Request) -> State:
    """Return the state of the app that handles the request."""
    state = request.app.state.grid
    assert isinstance(state, State)
    return state


class _Scheme(SecurityBase):
    """A way to sign in, as the OpenAPI description states it. `_user` reads the header itself."""

    def __init__(self, name: str, scheme: str, description: str) -> None:
        self.scheme_name = name
        self.model = HTTPBase(scheme=scheme, description=description)

    async def __call__(self) -> None:
        """Do nothing when a request arrives."""


_KEY = _Scheme("key", "basic", "The user's name or id, and their key.")
_TOKEN = _Scheme("token", "bearer", "The token of `POST /v1/auth/login`.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Stands for the user of a request until the thread of the endpoint finds them; see `BodyRoute`."""

    request: Request


async def _user(
    request: Request,
    _key: Annotated[None, Security(_KEY)],
    _token: Annotated[None, Security(_TOKEN)],
) -> Caller:
    return Caller(request)


def uses_user(dependant: Dependant) -> bool:
    """Return whether a route, or a dependency of it, asks for the signed-in user."""
    return dependant.call is _user or any(map(uses_user, dependant.dependencies))


def find_user(request: Request) -> User:
    """Return the user whose credentials the request has; they are checked once. Raises `NotSignedIn`."""
    user = request.scope.get(_USER)
    if not isinstance(user, User):
        user = request.scope[_USER] = _signed_in(request, state_of(request))
    return user


def _signed_in(request: Request, state: State) -> User:
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


def client_of(request: Request, kind: SignInKind) -> Client:
    """Return what sends the request, for the list of sign-ins."""
    address = request.client.host if request.client else ""
    return Client(kind, address, request.headers.get("user-agent", ""))


def check_cluster(cluster: str) -> None:
    """Raise `NotFound` unless this is the server's one cluster."""
    if cluster != CLUSTER:
        raise NotFound(f"There is no cluster {cluster!r}. This server has only the cluster {CLUSTER}.")


async def _cluster_in_path(clusterId: str) -> None:
    check_cluster(clusterId)


TheState = Annotated[State, Depends(_state)]
TheUser = Annotated[User, Depends(_user)]
InCluster = Depends(_cluster_in_path)
