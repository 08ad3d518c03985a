"""Where a command works: on the server that the settings name, else on this machine."""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grid_datastores.gateway.protocol import Datastores

_PATIENCE = 2.0  # seconds that a server has to answer what nobody typed: the Tab key, what is left on this machine


@contextmanager
def open_datastores() -> Iterator[Datastores]:
    """The user's datastores, there or here. What earlier commands left on this machine is erased first."""
    from grid_datastores.cli.logs import log_sentences
    from grid_datastores.gateway.credentials import find_server
    from grid_datastores.machine.leftovers import erase_leftovers
    from grid_datastores.settings import read_settings

    log_sentences()
    settings = read_settings()
    server = find_server(settings)
    datastores: Datastores
    if server is None:
        from grid_datastores.gateway.embedded import open_embedded

        datastores = open_embedded(settings)
    else:
        from grid_datastores.gateway.http import HttpDatastores

        datastores = HttpDatastores(server)
    try:
        if server is None:
            erase_leftovers(settings.directory, lambda: nullcontext(datastores))
        else:
            erase_leftovers(settings.directory, lambda: closing(HttpDatastores(server, _PATIENCE)))
        yield datastores
    finally:
        datastores.close()


@contextmanager
def open_to_look() -> Iterator[Datastores | None]:
    """The same, to complete a word: None where nothing is kept yet. It makes and tidies nothing, and soon gives up."""
    from grid_datastores.gateway.credentials import find_server
    from grid_datastores.settings import read_settings

    settings = read_settings()
    server = find_server(settings)
    datastores: Datastores | None
    if server is None:
        from grid_datastores.gateway.embedded import open_to_look as here

        datastores = here(settings)
    else:
        from grid_datastores.gateway.http import HttpDatastores

        datastores = HttpDatastores(server, _PATIENCE)
    try:
        yield datastores
    finally:
        if datastores:
            datastores.close()
