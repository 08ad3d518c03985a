"""What a server shows of a refusal to its users, and what only its operator reads, in the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grid_datastores.domain.errors import Refusal

_log = logging.getLogger(__name__)


def shown(refusal: Refusal) -> str:
    """Return the message for users. Log the whole message if that says more."""
    if refusal.public_message != refusal.message:
        _log.error("%s", refusal.message)
    return refusal.public_message
