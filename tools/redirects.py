"""A hook of MkDocs: at each old address of `redirects.toml`, a page that leads to where its contents are now.

Without JavaScript, a reader gets to the new page; with it, also to the new place of the anchor. Libraries for redirects
send all anchors of a page to one other page.
"""

from __future__ import annotations

import json
import re
import tomllib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mkdocs.config.defaults import MkDocsConfig

TABLE = Path(__file__).with_name("redirects.toml")
_PAGE = """<!doctype html>
<html lang="en" data-moved>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>This page has moved</title>
<link rel="canonical" href="{to}">
<script>
const places = {places}, anchor = location.hash.slice(1);
location.replace(anchor in places ? places[anchor] : {address} + location.hash);
</script>
<noscript><meta http-equiv="refresh" content="0; url={to}"></noscript>
</head>
<body><h1>This page has moved</h1><p>It is now at <a href="{to}">{new}</a>.</p></body>
</html>
"""


def on_post_build(config: MkDocsConfig) -> None:
    """Write the pages. Raises PluginError for a new address that does not exist."""
    site = Path(config.site_dir)
    for old, places in tomllib.loads(TABLE.read_text("utf-8")).items():
        write(site, old, places)


def write(site: Path, old: str, places: Mapping[str, str]) -> None:
    """Write the page at the old address; `to` in `places` is the new page, the others are anchors.

    Raises PluginError if a new address does not exist.
    """
    for place in places.values():
        _check(site, place)
    up = "../" * old.count("/")
    to = up + places["to"]
    anchors = {anchor: up + place for anchor, place in places.items() if anchor != "to"}
    file = site / old / "index.html"
    if file.exists() and '<html lang="en" data-moved>' not in file.read_text("utf-8"):
        raise PluginError(f"{old} is a page, so {TABLE.name} cannot send it elsewhere.")
    file.parent.mkdir(parents=True, exist_ok=True)
    page = _PAGE.format(
        to=escape(to), new=escape(places["to"]), address=json.dumps(to), places=json.dumps(anchors, indent=1)
    )
    file.write_text(page, "utf-8")


def _check(site: Path, place: str) -> None:
    path, _, anchor = place.partition("#")
    file = site / path / "index.html"
    if not file.is_file():
        raise PluginError(f"{TABLE.name}: there is no page {path}.")
    if anchor and not re.search(rf"\bid=[\"']?{re.escape(anchor)}[\"'\s>]", file.read_text("utf-8")):
        raise PluginError(f"{TABLE.name}: {path} has no anchor {anchor}.")
