"""The built site, as values: what readers get, not what was written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lxml import html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ADDRESSES = ("href", "src", "action", "data", "poster", "cite", "formaction", "srcset")
_GUIDE = ("get-started/", "how-to/", "why/", "faq/")


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
        """Everything that the page links to or loads."""
        for element in self.document.xpath("//*"):
            for name in _ADDRESSES:
                if value := element.get(name):
                    yield from (part.split()[0] for part in value.split(",")) if name == "srcset" else (value,)

    def find(self, css: str) -> list[html.HtmlElement]:
        """The elements of the article that a selector names by their classes."""
        wanted = [f"contains(concat(' ', normalize-space(@class), ' '), ' {name} ')" for name in css.split(".") if name]
        return self.article.xpath(f".//*[{' and '.join(wanted)}]")

    @property
    def is_guide(self) -> bool:
        """Whether it belongs to the user guide."""
        return self.path.startswith(_GUIDE)


@dataclass(frozen=True)
class Site:
    """All pages, by path, those at old addresses, and the folder with everything else."""

    folder: Path
    pages: dict[str, Page]
    moved: dict[str, Page]

    def page(self, path: str) -> Page:
        """The page at an address like `why/versions/`."""
        return self.pages[f"{path}index.html"]

    def resolve(self, page: Page, address: str) -> tuple[Path, str]:
        """The file and the anchor that an address on a page leads to."""
        parts = urlsplit(address)
        path = unquote(parts.path)
        base = self.folder if path.startswith("/") else (self.folder / page.path).parent
        file = (base / path.lstrip("/")).resolve() if path else (self.folder / page.path).resolve()
        return (file / "index.html" if file.is_dir() else file), unquote(parts.fragment)


def words(element: html.HtmlElement) -> str:
    """The text of an element as it is read, without the sign of the permalink."""
    return " ".join(element.text_content().replace("¶", " ").split())


def read_site(folder: Path) -> Site:
    """Read every page of the site in this folder."""
    parser = html.HTMLParser(encoding="utf-8")
    paths = sorted(folder.rglob("*.html"))
    pages = [Page(path.relative_to(folder).as_posix(), html.parse(str(path), parser).getroot()) for path in paths]
    moved = {page.path: page for page in pages if "data-moved" in page.document.attrib}
    return Site(folder.resolve(), {page.path: page for page in pages if page.path not in moved}, moved)
