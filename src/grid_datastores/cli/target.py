"""Open the datastores that a command works on: those of the configured server, or those on this machine."""

from __future__ import annotations

import gc
from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grid_datastores.gateway.protocol import Datastores

_BACKGROUND_TIMEOUT = 2.0  # seconds for requests that no command asks for: completion, erasing leftovers


@contextmanager
def open_datastores() -> Iterator[Datastores]:
    """Open the user's datastores and close them at the end. First erase what earlier commands left on this machine."""
    with _loading_modules():
        from grid_datastores.cli.logs import log_sentences
        from grid_datastores.gateway.credentials import find_server
        from grid_datastores.machine.leftovers import erase_leftovers
        from grid_datastores.settings import read_settings

        log_sentences()
        settings = read_settings()
        server = find_server(settings)
        if server is None:
            from grid_datastores.gateway.embedded import open_embedded
        else:
            from grid_datastores.gateway.http import HttpDatastores
    datastores: Datastores = open_embedded(settings) if server is None else HttpDatastores(server)
    try:
        if server is None:
            erase_leftovers(settings.directory, lambda: nullcontext(datastores))
        else:
            erase_leftovers(settings.directory, lambda: closing(HttpDatastores(server, _BACKGROUND_TIMEOUT)))
        yield datastores
    finally:
        datastores.close()


@contextmanager
def _loading_modules() -> Iterator[None]:
    """Collect no garbage while modules load, and never look at them again: they live as long as the process.

    The second part happens once per process, because it also keeps the garbage of that moment.
    """
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
        gc.enable()


@contextmanager
def open_for_completion() -> Iterator[Datastores | None]:
    """Open the user's datastores to complete a word, or yield None if this machine has none yet.

    This creates and erases nothing, and requests time out after two seconds.
    """
    from grid_datastores.gateway.credentials import find_server
    from grid_datastores.settings import read_settings

    settings = read_settings()
    server = find_server(settings)
    datastores: Datastores | None
    if server is None:
        from grid_datastores.gateway.embedded import open_read_only

        datastores = open_read_only(settings)
    else:
        from grid_datastores.gateway.http import HttpDatastores

        datastores = HttpDatastores(server, _BACKGROUND_TIMEOUT)
    try:
        yield datastores
    finally:
        if datastores:
            datastores.close()
