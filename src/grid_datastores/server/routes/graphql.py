"""The GraphQL queries that Grid's own client sends before it lists versions: the user and their teams."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Request
from typing_extensions import TypedDict

from grid_datastores.domain.errors import InvalidInput, NotSignedIn, TooManyAttempts
from grid_datastores.server.answers import REFUSED, refused
from grid_datastores.server.bodies import BodyRoute
from grid_datastores.server.state import TheState

if TYPE_CHECKING:
    from graphql import GraphQLSchema

MAX_QUERY_LENGTH = 10_000  # characters; the time to answer grows with the length

router = APIRouter(route_class=BodyRoute, tags=["accounts"], responses=REFUSED)

_SCHEMA = """
type Query {
  getUser: User
  getUserTeams: Teams
}

type User {
  userId: ID
  isVerified: Boolean
  completedSignup: Boolean
  isBlocked: Boolean
  username: String
  firstName: String
  lastName: String
  email: String
}

type Teams { success: Boolean, message: String, teams: [Team] }
type Team { id: ID, name: String, createdAt: String, role: String, members: [Member] }
type Member { id: ID, username: String, firstName: String, lastName: String }
"""


class GraphQLRequest(TypedDict, total=False):
    """A query and its variables."""

    query: str
    variables: dict[str, Any] | None
    operationName: str | None


@router.post("/graphql", responses=refused(NotSignedIn, TooManyAttempts))
def graphql(
    state: TheState,
    request: Request,
    body: GraphQLRequest,
    x_grid_user: Annotated[str, Header()] = "",
    x_grid_key: Annotated[str, Header()] = "",
) -> dict[str, Any]:
    """Answer a query about the user. Grid's client sends the user and key in two headers. Users here have no teams."""
    from graphql import graphql_sync

    user = state.sign_in(request, x_grid_user, x_grid_key)
    if len(body.get("query", "")) > MAX_QUERY_LENGTH:
        raise InvalidInput(f"The query is too long. The maximum is {MAX_QUERY_LENGTH:,} characters.")
    root = {
        "getUser": {
            "userId": user.id,
            "isVerified": True,
            "completedSignup": True,
            "isBlocked": False,
            "username": user.name,
            "firstName": user.name,
            "lastName": "",
            "email": "",
        },
        "getUserTeams": {"success": True, "message": "", "teams": []},
    }
    result = graphql_sync(
        _schema(),
        body.get("query", ""),
        root_value=root,
        variable_values=body.get("variables"),
        operation_name=body.get("operationName"),
    )
    return dict(result.formatted)


@cache
def _schema() -> GraphQLSchema:
    from graphql import GraphQLIncludeDirective, GraphQLSchema, GraphQLSkipDirective, build_schema

    # Only two directives: Grid's client reads the schema first and fails on directives that it does not know.
    query = build_schema(_SCHEMA).query_type
    return GraphQLSchema(query=query, directives=[GraphQLIncludeDirective, GraphQLSkipDirective])
