"""Open the service for the operator's commands, which work on the folder of the server on this machine."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grid_datastores.service import Service


@contextmanager
def open_service_here() -> Iterator[Service]:
    """Open the service in the settings' folder, also if the user is signed in to another server, and close it."""
    from grid_datastores.cli.logs import log_sentences
    from grid_datastores.service import open_service
    from grid_datastores.settings import read_settings

    log_sentences()
    with closing(open_service(read_settings(), wake_workers=lambda: None)) as service:
        yield service
