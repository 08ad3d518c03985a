"""The edition "shipped": the web UI with the two bugs of the page that the guide began with.

Its UI deletes every version of a name, and shows no details of a version: nobody can see there where one came from.
"""

from __future__ import annotations

from importlib.resources import files

from defects import pages

_DETAILS = '<section class="card" aria-labelledby="about">'
_END = "</section>"


def apply() -> None:
    """Put both back."""
    template = files("grid_datastores.server.ui").joinpath("templates", "version.html").read_text("utf-8")
    assert _DETAILS in template, "the page of a version has no details to leave out"
    for change in (*pages.button_deletes_all(), pages.change_text("version.html", _without_details)):
        change.apply()


def _without_details(text: str) -> str:
    before, _found, after = text.partition(_DETAILS)
    return before + after.partition(_END)[2]
