"""The pages that delete one version: the confirmation and the receipt. No form can name two versions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from grid_datastores.domain.errors import AlreadyDeleted, Refusal
from grid_datastores.domain.model import Phase
from grid_datastores.domain.text import COPIES
from grid_datastores.server.origin import SameOrigin
from grid_datastores.server.shown import shown
from grid_datastores.server.ui.datastores import find
from grid_datastores.server.ui.ending import done
from grid_datastores.server.ui.pages import version_path
from grid_datastores.server.ui.web_session import TheWebSession, WebSession, redirect
from grid_datastores.server.writers import WriterRoute

if TYPE_CHECKING:
    from grid_datastores.domain.model import Receipt

RECEIPT_LIFETIME = timedelta(hours=1)

router = APIRouter(
    prefix="/datastores/{name}/versions/{number}",
    include_in_schema=False,
    dependencies=[SameOrigin],
    route_class=WriterRoute,
)


@router.get("/delete")
def ask(web_session: TheWebSession, name: str, number: str, ended: str = "") -> Response:
    """Ask for confirmation: show the version and the versions that stay. If it is in use, list its holders.

    `ended` is the id of a holder that just ended.
    """
    return _dialog(web_session, name, number, "", 200, ended)


@router.post("/delete")
def delete(web_session: TheWebSession, name: str, number: str) -> Response:
    """Delete this version and no other (rule delete-exactly-one), or show the refusal."""
    version = find(web_session, name, number)
    try:
        receipt = web_session.state.service.deletion.delete(web_session.user, version.id)
    except Refusal as error:
        return _dialog(web_session, name, number, shown(error), error.status)
    return redirect(_receipt_path(web_session, receipt))


@router.get("/receipt")
def show_receipt(
    web_session: TheWebSession, name: str, number: str, before: str = "", expires: str = "", signature: str = ""
) -> Response:
    """Show what was deleted and what stays. Reloading this page deletes nothing."""
    version = find(web_session, name, number)
    if version.phase is not Phase.DELETED:
        return redirect(version_path(version.ref))
    reading = web_session.state.service.reading
    try:
        path = f"{version_path(version.ref)}/receipt"
        web_session.state.check(web_session.user.id, path, {"before": before}, expires, signature)
    except Refusal:  # an expired or typed URL: the earlier count is unknown
        before = ""
    kept = web_session.state.service.listing.kept(version)
    quota = reading.quota(web_session.user)
    copies = COPIES if web_session.state.service.copies.may_exist(version.id) else ""
    return web_session.page("receipt.html", version=version, kept=kept, quota=quota, before=before, copies=copies)


def _receipt_path(web_session: WebSession, receipt: Receipt) -> str:
    """Return the path of the receipt. For an hour it also shows how many versions there were before."""
    expires = web_session.state.service.now() + RECEIPT_LIFETIME
    return web_session.state.signer(web_session.user.id).sign(
        f"{version_path(receipt.ref)}/receipt", {"before": str(receipt.quota_before.used)}, expires
    )


def _dialog(web_session: WebSession, name: str, number: str, refusal: str, status: int, ended: str = "") -> Response:
    version = find(web_session, name, number)
    if version.phase is Phase.DELETED:
        refused = AlreadyDeleted.of(version)
        mine = version.deleted_by == web_session.user.name
        return web_session.page(
            "already_deleted.html", refused.status, version=version, message=shown(refused), mine=mine
        )
    service = web_session.state.service
    message = refusal or service.deletion.refusal(web_session.user, version.id)
    holders = service.reading.details(web_session.user, version.id).holders
    return web_session.page(
        "delete.html",
        status,
        version=version,
        kept=service.listing.kept(version),
        refusal=message,
        holders=holders,
        done=done(web_session, ended),
    )
