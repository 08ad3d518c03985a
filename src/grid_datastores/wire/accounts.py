"""The wire format of users and clusters."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict


class LoginRequest(TypedDict, total=False):
    """The user id or name, and the API key.

    `duration` is how long the token is valid, in seconds: `3600` or `3600s`. The default and the maximum are 43200.
    """

    username: str
    apiKey: str
    duration: str


class LoginResponse(TypedDict):
    """The token to send as `Authorization: Bearer …`."""

    token: str


class UserStatus(TypedDict):
    """The user's status. All users of this server are verified."""

    verified: bool
    completedSignup: bool


class UserResponse(TypedDict):
    """The signed-in user. `placeId` is this server's own id, which does not depend on its address."""

    id: str
    username: str
    firstName: str
    lastName: str
    email: str
    status: UserStatus
    placeId: NotRequired[str]


class ClusterSpec(TypedDict):
    """The type of the cluster."""

    clusterType: str
    desiredState: str


class ClusterStatus(TypedDict):
    """Whether the cluster runs."""

    phase: str


class Cluster(TypedDict):
    """The one cluster of this server."""

    id: str
    name: str
    createdAt: str
    spec: ClusterSpec
    status: ClusterStatus


class ListClustersResponse(TypedDict):
    """All clusters, and the default one."""

    clusters: list[Cluster]
    defaultCluster: str


class Quota(TypedDict):
    """How many versions the user has and may have."""

    used: int
    limit: int
