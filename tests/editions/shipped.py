"""The edition "shipped": the web UI with the two bugs of the page that the guide began with.

Its UI deletes every version of a name, and shows no details of a version: nobody can see there where one came from.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from jinja2 import ChoiceLoader, DictLoader

from defects.registry import replace_route
from grid_datastores.domain.errors import Refusal
from grid_datastores.server.ui import deletion, pages
from grid_datastores.server.ui.visit import TheVisit

_DETAILS = '<section class="card" aria-labelledby="about">'
_END = "</section>"


def apply() -> None:
    """Put both back."""
    _delete_every_version()
    _show_no_details()


def _delete_every_version() -> None:
    def delete(visit: Any, name: str, number: str) -> Any:
        answer = deletion.delete(visit, name, number)
        if answer.status_code == 303:
            service = visit.state.service
            for other in service.reading.versions(visit.user):
                if other.ref.name == name:
                    with suppress(Refusal):
                        service.deletion.delete(visit.user, other.id)
        return answer

    delete.__annotations__ = {"visit": TheVisit, "name": str, "number": str}
    replace_route(deletion.router, "delete", delete)


def _show_no_details() -> None:
    loader = pages._templates.loader
    assert loader
    source = loader.get_source(pages._templates, "version.html")[0]
    before, found, after = source.partition(_DETAILS)
    assert found, "the page of a version has no details to leave out"
    without = before + after.partition(_END)[2]
    pages._templates.loader = ChoiceLoader([DictLoader({"version.html": without}), loader])
