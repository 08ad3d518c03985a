"""Deleting one version: the page that asks, and the receipt. No form here can name two versions."""

from __future__ import annotations

from fastapi import APIRouter, Response

from grid_datastores.errors import Refusal
from grid_datastores.model import Phase
from grid_datastores.rules import check_not_deleted
from grid_datastores.server.ui.datastores import find
from grid_datastores.server.ui.pages import version_path
from grid_datastores.server.ui.visit import OwnForm, TheVisit, Visit, see

router = APIRouter(prefix="/datastores/{name}/versions/{number}")


@router.get("/delete")
def ask(visit: TheVisit, name: str, number: str) -> Response:
    """Name the one version, what it holds and what stays; say who uses it, where somebody does."""
    return _dialog(visit, name, number, "", 200)


@router.post("/delete")
def delete(visit: TheVisit, name: str, number: str, form: OwnForm) -> Response:  # noqa: ARG001 - checked
    """Delete this version and no other, or say why not."""
    version = find(visit, name, number)
    try:
        visit.state.service.deletion.delete(visit.user, version.id)
    except Refusal as error:
        return _dialog(visit, name, number, error.message, error.status)
    return see(f"{version_path(version.ref)}/receipt")


@router.get("/receipt")
def show_receipt(visit: TheVisit, name: str, number: str) -> Response:
    """What went and what stays. Looking again, or reloading, deletes nothing."""
    version = find(visit, name, number)
    if version.phase is not Phase.DELETED:
        return see(version_path(version.ref))
    reading = visit.state.service.reading
    kept = [other for other in reading.versions(visit.user) if other.ref.name == version.ref.name]
    return visit.page("receipt.html", version=version, kept=kept, quota=reading.quota(visit.user))


def _dialog(visit: Visit, name: str, number: str, refusal: str, status: int) -> Response:
    version = find(visit, name, number)
    check_not_deleted(version)
    service = visit.state.service
    verdict = service.deletion.verdict(visit.user, version.id)
    holders = service.reading.details(visit.user, version.id).holders
    return visit.page(
        "delete.html",
        status,
        version=version,
        receipt=verdict.receipt,
        refusal=refusal or verdict.refusal,
        holders=holders,
    )
