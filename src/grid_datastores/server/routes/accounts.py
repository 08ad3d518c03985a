"""Routes for signing in, the user, the cluster and the quota."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request

from grid_datastores.domain.errors import NotSignedIn, TooManyAttempts
from grid_datastores.domain.naming import whole_number
from grid_datastores.domain.sign_ins import SignInKind
from grid_datastores.server.answers import REFUSED, refused
from grid_datastores.server.bodies import BodyRoute
from grid_datastores.server.state import CLUSTER, InCluster, TheState, TheUser, client_of
from grid_datastores.service.accounts import TOKEN_LIFETIME
from grid_datastores.wire import accounts as wire
from grid_datastores.wire.datastores import quota_out

router = APIRouter(route_class=BodyRoute, tags=["accounts"], responses=REFUSED)


@router.post("/v1/auth/login", responses=refused(NotSignedIn, TooManyAttempts))
def login(state: TheState, request: Request, body: wire.LoginRequest) -> wire.LoginResponse:
    """Sign in with a user's id or name and API key. Return a token."""
    lifetime = _token_lifetime(body.get("duration", ""))
    key, client = body.get("apiKey", ""), client_of(request, SignInKind.TOKEN)
    user = state.sign_in(request, body.get("username", ""), key)
    return {"token": state.service.accounts.new_token(user, lifetime, client, key)}


def _token_lifetime(duration: str) -> timedelta:
    """Parse for how many seconds a token is valid. Raises `InvalidInput`."""
    if not duration:
        return TOKEN_LIFETIME
    maximum = int(TOKEN_LIFETIME.total_seconds())
    return timedelta(seconds=whole_number(duration.removesuffix("s"), "duration", 1, maximum))


@router.get("/v1/auth/user")
def get_user(state: TheState, user: TheUser) -> wire.UserResponse:
    """Return the signed-in user and the server's id."""
    return {
        "id": user.id,
        "username": user.name,
        "firstName": user.name,
        "lastName": "",
        "email": "",
        "status": {"verified": True, "completedSignup": True},
        "placeId": state.service.copies.place_id(),
    }


@router.get("/v1/core/clusters")
def list_clusters(_user: TheUser) -> wire.ListClustersResponse:
    """List the clusters. This server has one."""
    return {
        "clusters": [
            {
                "id": CLUSTER,
                "name": CLUSTER,
                "createdAt": "1970-01-01T00:00:00Z",
                "spec": {"clusterType": "CLUSTER_TYPE_GLOBAL", "desiredState": "CLUSTER_STATE_RUNNING"},
                "status": {"phase": "CLUSTER_STATE_RUNNING"},
            }
        ],
        "defaultCluster": CLUSTER,
    }


@router.get("/v1/core/{clusterId}/quota", dependencies=[InCluster])
def get_quota(state: TheState, user: TheUser) -> wire.Quota:
    """Return how many versions the user has and may have."""
    return quota_out(state.service.reading.quota(user))
