"""The web UI: HTML pages, all of which work without JavaScript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grid_datastores.server.ui import (
    datastores,
    deletion,
    ending,
    lists,
    preview,
    room,
    sign_in,
    sign_ins,
    uploading,
    workloads,
)
from grid_datastores.server.ui.assets import Assets
from grid_datastores.server.ui.problems import no_such_page, refused, sign_in_required, unexpected_error
from grid_datastores.server.ui.sign_in import link_path
from grid_datastores.server.ui.web_session import SignInRequired

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["add_to", "link_path", "no_such_page", "refused", "unexpected_error"]


def add_to(app: FastAPI) -> None:
    """Add the pages and the static files."""
    for part in (sign_in, sign_ins, lists, datastores, preview, deletion, uploading, room, ending, workloads):
        app.router.routes.extend(part.router.routes)
    app.add_exception_handler(SignInRequired, sign_in_required)
    app.mount("/static", Assets())
