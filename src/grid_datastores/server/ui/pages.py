"""Render pages from templates. All values are escaped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from grid_datastores.domain.text import counted, escape_control, format_size, format_utc
from grid_datastores.server.ui.assets import STYLES, asset_path

if TYPE_CHECKING:
    from datetime import datetime

    from grid_datastores.domain.model import VersionRef

_SHORT = 34  # characters of a source in a list
_TIME = re.compile("([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC)")

_templates = Environment(
    loader=PackageLoader("grid_datastores.server.ui"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """Return the page that the template renders from these values; `guide` is the URL of the guide, if there is one."""
    return HTMLResponse(_templates.get_template(template).render(values), status)


def datastore_path(name: str) -> str:
    """Return the path of a datastore's page, or "" for no name. The paths of its lists start with it."""
    return f"/datastores/{quote(name, safe='')}" if name else ""


def version_path(ref: VersionRef) -> str:
    """Return the path of a version's page. The paths of its deletion and its files start with it."""
    return f"{datastore_path(ref.name)}/versions/{ref.number}"


def _plain(text: str) -> str:
    """Return the text with control characters escaped, except line breaks."""
    return "\n".join(map(escape_control, text.split("\n")))


def _shortened(location: str) -> str:
    """Return a long source in short: the end of a path or address, which tells more than its beginning."""
    if len(location) <= _SHORT:
        return location
    _, slash, end = location[1 - _SHORT :].partition("/")
    return f"…/{end}" if slash else f"{location[: _SHORT - 1]}…"


def _grouped(number: int) -> str:
    """Return the number with its digits in groups of three."""
    return f"{number:,}"


def _with_times(text: str) -> list[tuple[str, str]]:
    """Return the parts of a message, each with its time in ISO 8601 if it is one, so that a page can mark it up."""
    parts = _TIME.split(_plain(text))
    return [(part, f"{part[:10]}T{part[11:19]}+00:00" if at % 2 else "") for at, part in enumerate(parts)]


def _format_time(at: datetime | None) -> str:
    return format_utc(at) if at else "never"


_templates.filters.update(
    grouped=_grouped,
    plain=_plain,
    short=_shortened,
    size=format_size,
    when=_format_time,
    with_times=_with_times,
)
_templates.globals.update(
    asset=asset_path,
    counted=counted,
    datastore_path=datastore_path,
    guide="",
    styles=STYLES,
    version_path=version_path,
)
