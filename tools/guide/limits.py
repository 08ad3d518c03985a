"""The limits of the HTTP API, from the constants that enforce them."""

from __future__ import annotations

from datetime import timedelta

from grid_datastores.domain import naming, rules
from grid_datastores.domain.text import counted
from grid_datastores.server import bodies, guard, signing_in
from grid_datastores.server.routes import contents, graphql
from grid_datastores.server.routes import uploads as upload_routes
from grid_datastores.server.ui import receiving, web_session
from grid_datastores.service import listing, uploads, workloads
from grid_datastores.service.accounts import TOKEN_LIFETIME
from grid_datastores.storage import manifest
from grid_datastores.wire import datastores as wire
from grid_datastores.wire import uploads as objects_wire
from grid_datastores.wire import workloads as workloads_wire
from guide.values import duration, size


def write() -> str:
    """A table for each kind of limit."""
    times = tuple((what, duration(int(time.total_seconds()))) for what, time in TIMES)
    return "\n".join(
        [
            *_table("Length of", "At most", LENGTHS),
            *_table("Size or number of", "At most", (*REQUESTS, *FORMS)),
            *_table("What expires", "After", times),
        ]
    )


def _table(what: str, how_much: str, rows: tuple[tuple[str, str], ...]) -> list[str]:
    lines = [f"| {name} | {value} |" for name, value in rows]
    return [f"| {what} | {how_much} |", "| --- | --- |", *lines, ""]


LENGTHS: tuple[tuple[str, str], ...] = (
    ("the name of a datastore, Session, Run or user", counted(naming.MAX_NAME_LENGTH, "character")),
    ("a version number", f"{naming.MAX_NUMBER:,}"),
    ("the Source of a version", f"{naming.MAX_LOCATION_LENGTH:,} characters"),
    ("a path in a version", f"{manifest.MAX_PATH_LENGTH:,} bytes in UTF-8"),
    ("each name in such a path", f"{manifest.MAX_NAME_LENGTH} bytes in UTF-8"),
    ("the path of a mount", f"{rules.MAX_PATH_LENGTH} characters"),
    ("a GraphQL query", f"{graphql.MAX_QUERY_LENGTH:,} characters"),
)
REQUESTS: tuple[tuple[str, str], ...] = (
    ("the body of a request", size(guard.MAX_BODY)),
    (
        "the body of a sign-in, a GraphQL query or a form of the web UI, without files",
        size(guard.MAX_BODY_BEFORE_SIGN_IN),
    ),
    ("the JSON values in a body", f"{bodies.MAX_VALUES:,}"),
    ("a body that announces or completes objects", size(guard.MAX_OBJECTS_BODY)),
    ("the JSON values in such a body", f"{bodies.MAX_VALUES_OF_OBJECTS:,}"),
    ("a manifest", size(upload_routes.MAX_MANIFEST)),
    ("a part", size(rules.MAX_PART_BYTES)),
    ("the parts of one object", f"{rules.MAX_PARTS:,}"),
    ("the objects that one request announces or completes", f"{objects_wire.MAX_OBJECTS:,}"),
    ("the parts that one request announces or completes", f"{upload_routes.MAX_PART_URLS:,}"),
    ("the versions that a Session or Run mounts", f"{workloads_wire.MAX_MOUNTS:,}"),
    ("the ids in one request for deletions", f"{wire.MAX_IDS}"),
    ("the versions in a page of the list", f"{listing.MAX_PER_PAGE:,}"),
    ("the Sessions or Runs in a page of the list", f"{workloads.MAX_PER_PAGE:,}"),
    ("the files in a page of the list", f"{contents.MAX_PER_PAGE:,}"),
)
FORMS: tuple[tuple[str, str], ...] = (
    ("the files in a form of the web UI", f"{receiving.MAX_FILES:,}"),
    ("the paths of these files, together", size(receiving.MAX_PATHS_SIZE)),
    ("the other fields of a form", f"{web_session.MAX_FIELDS}"),
    ("a field of a form without files", size(web_session.MAX_FIELD_SIZE)),
)
TIMES: tuple[tuple[str, timedelta], ...] = (
    ("the address of a part", uploads.URL_LIFETIME),
    ("the address of a file", contents.URL_LIFETIME),
    ("a token, and a sign-in in a browser", TOKEN_LIFETIME),
    ("a sign-in link, which works once", timedelta(seconds=signing_in.LINK_LIFETIME)),
)
