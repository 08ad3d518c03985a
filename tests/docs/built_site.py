"""The built site, as values: what readers get, not what was written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lxml import html

from guide.evidence_pages import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ADDRESSES = ("href", "src", "action", "data", "poster", "cite", "formaction", "srcset")
_SPEC = ("spec/", "known-issues/", "team/", "your-server/")


@dataclass(frozen=True)
class Page:
    """One page; `path` is that of its file, counted from the site's folder."""

    path: str
    document: html.HtmlElement

    @cached_property
    def article(self) -> html.HtmlElement:
        """What was written for this page, without the frame of the site."""
        return self.document.xpath("//article")[0]

    @cached_property
    def ids(self) -> list[str]:
        """The anchors of the page."""
        return [str(found) for found in self.document.xpath("//@id | //a/@name")]

    @property
    def addresses(self) -> Iterator[str]:
        """Everything that the page links to or loads. Its own address, for search engines, is neither."""
        for element in self.document.xpath("//*[not(@rel='canonical')]"):
            for name in _ADDRESSES:
                if value := element.get(name):
                    yield from (part.split()[0] for part in value.split(",")) if name == "srcset" else (value,)

    def find(self, css: str) -> list[html.HtmlElement]:
        """The elements of the article that a selector names by their classes."""
        wanted = [f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')" for name in css.split(".") if name]
        return self.article.xpath(f".//*[{' and '.join(wanted)}]")

    @property
    def is_guide(self) -> bool:
        """Whether it belongs to the guide, and not to the spec; see `spec` in pyproject.toml."""
        return not self.path.startswith(_SPEC)


@dataclass(frozen=True)
class Site:
    """All pages, by path, those at old addresses, and the folder with everything else."""

    folder: Path
    pages: dict[str, Page]
    moved: dict[str, Page]
    root: str = "/"  # the path of the site's address

    def page(self, path: str) -> Page:
        """The page at an address like `why/versions/`."""
        return self.pages[f"{path}index.html"]

    def resolve(self, page: Page, address: str) -> tuple[Path, str]:
        """The file and the anchor that an address on a page leads to."""
        parts = urlsplit(address)
        path = unquote(parts.path)
        base = self.folder if path.startswith(self.root) else (self.folder / page.path).parent
        file = (base / path.removeprefix(self.root)).resolve() if path else (self.folder / page.path).resolve()
        return (file / "index.html" if file.is_dir() else file), unquote(parts.fragment)


def words(element: html.HtmlElement) -> str:
    """The text of an element as it is read, without the sign of the permalink."""
    return " ".join(element.text_content().replace("¶", " ").split())


def read_pages(folder: Path, below: Path) -> dict[str, Page]:
    """The pages of the site in `folder` that are in its folder `below`, by path, without those of the evidence."""
    parser = html.HTMLParser(encoding="utf-8")
    found = {}
    for file in sorted((folder / below).rglob("*.html")):
        relative = file.relative_to(folder)
        if FOLDER not in relative.parts:  # those have tests of their own
            found[relative.as_posix()] = Page(relative.as_posix(), html.parse(str(file), parser).getroot())
    return found


def read_site(folder: Path) -> Site:
    """Read every page of the site in this folder, without the guides for other editions."""
    pages = {path: page for path, page in read_pages(folder, folder).items() if not path.startswith("editions/")}
    moved = {path: page for path, page in pages.items() if "data-moved" in page.document.attrib}
    root = urlsplit(os.environ.get("SITE_URL", "")).path or "/"
    return Site(folder.resolve(), {path: page for path, page in pages.items() if path not in moved}, moved, root)
