"""The pages that delete one version: the confirmation and the receipt. No form can name two versions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from grid_datastores.domain.errors import AlreadyDeleted, Refusal
from grid_datastores.domain.model import Phase, VersionRef
from grid_datastores.domain.text import COPIES
from grid_datastores.server.ui.datastores import find
from grid_datastores.server.ui.pages import version_path
from grid_datastores.server.ui.visit import TheVisit, Visit, see

if TYPE_CHECKING:
    from grid_datastores.domain.model import Receipt

RECEIPT_LIFETIME = timedelta(hours=1)

router = APIRouter(prefix="/datastores/{name}/versions/{number}")


@router.get("/delete")
def ask(visit: TheVisit, name: str, number: str) -> Response:
    """Ask for confirmation: show the version and the versions that stay. If it is in use, list its holders."""
    return _dialog(visit, name, number, "", 200)


@router.post("/delete")
def delete(visit: TheVisit, name: str, number: str) -> Response:
    """Delete this version and no other (rule delete-exactly-one), or show the refusal."""
    version = find(visit, name, number)
    try:
        receipt = visit.state.service.deletion.delete(visit.user, version.id)
    except Refusal as error:
        return _dialog(visit, name, number, error.message, error.status)
    return see(_receipt_path(visit, receipt))


@router.get("/receipt")
def show_receipt(
    visit: TheVisit, name: str, number: str, before: str = "", expires: str = "", signature: str = ""
) -> Response:
    """Show what was deleted and what stays. Reloading this page deletes nothing."""
    version = find(visit, name, number)
    if version.phase is not Phase.DELETED:
        return see(version_path(version.ref))
    reading = visit.state.service.reading
    try:
        visit.state.check(f"{version_path(version.ref)}/receipt", {"before": before}, expires, signature)
    except Refusal:  # an expired or typed URL: the earlier count is unknown
        before = ""
    versions = reading.versions(visit.user)
    kept = [(other.ref, other.fingerprint) for other in versions if other.ref.name == version.ref.name]
    quota = reading.quota(visit.user)
    copies = COPIES if visit.state.service.copies.may_exist(version.id) else ""
    return visit.page("receipt.html", version=version, kept=kept, quota=quota, before=before, copies=copies)


def _receipt_path(visit: Visit, receipt: Receipt) -> str:
    """Return the path of the receipt. For an hour it also shows how many versions there were before."""
    expires = receipt.deleted_at + RECEIPT_LIFETIME
    return visit.state.sign(f"{version_path(receipt.ref)}/receipt", {"before": str(receipt.quota_before.used)}, expires)


def _dialog(visit: Visit, name: str, number: str, refusal: str, status: int) -> Response:
    version = find(visit, name, number)
    if version.phase is Phase.DELETED:
        refused = AlreadyDeleted.of(version)
        mine = version.deleted_by == visit.user.name
        return visit.page("already_deleted.html", refused.status, version=version, message=refused.message, mine=mine)
    service = visit.state.service
    verdict = service.deletion.verdict(visit.user, version.id)
    holders = service.reading.details(visit.user, version.id).holders
    return visit.page(
        "delete.html",
        status,
        version=version,
        receipt=verdict.receipt,
        kept=[(VersionRef(version.ref.name, other.number), other.fingerprint) for other in verdict.receipt.remaining],
        refusal=refusal or verdict.refusal,
        holders=holders,
    )
