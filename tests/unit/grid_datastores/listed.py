"""The whole list of a user's versions."""

from __future__ import annotations

from grid_datastores.domain.lists import Chosen
from grid_datastores.domain.model import User, Version
from grid_datastores.service import Service


def listed(service: Service, user: User, *, deleted: bool = False) -> list[Version]:
    """Return the user's versions, sorted by name and number: those that are not deleted, or all."""
    return list(service.listing.all(user, Chosen(deleted=deleted)))
