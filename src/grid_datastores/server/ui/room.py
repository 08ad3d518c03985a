"""The page that lists the versions that can be deleted now, to make room for the next one."""

from __future__ import annotations

from fastapi import APIRouter, Response

from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.ui.web_session import TheWebSession, redirect

PER_PAGE = 50

router = APIRouter(include_in_schema=False, dependencies=[SameOrigin])


@router.get("/make-room")
def show_room(web_session: TheWebSession, page: int = 1) -> Response:
    """Show one page of the versions that are not in use, unused longest first. Pages count from 1."""
    reading = web_session.state.service.reading
    quota = reading.quota(web_session.user)
    page = min(max(page, 1), _pages(quota.used))
    unused = reading.unused(web_session.user, limit=PER_PAGE, skip=(page - 1) * PER_PAGE)
    pages = _pages(unused.count)
    if page > pages:
        return redirect(f"/make-room?page={pages}")
    return web_session.page("room.html", quota=quota, unused=unused, page=page, pages=pages)


def _pages(count: int) -> int:
    return max(1, -(-count // PER_PAGE))
