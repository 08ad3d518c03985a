"""A page for the proofs of each page: all on one page, they would weigh more than any other page of the site."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guide.evidence_pages import deeper
from living_spec.markdown.markup import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PAGE = "spec/proofs/"  # the address of the page with the block `proofs`

_PART = re.compile(r'<h2 id="([\w-]+)">(.*?)(?:<a class="headerlink".*?)?</h2>\s*(<ul>.*?</ul>)\s*', re.DOTALL)
_ANCHOR = re.compile(r'id="(sentence-\d+)"')
_ITEM = re.compile(r"<li>")
_TAG = re.compile(r"<[^>]*>")
_LINK = re.compile(r'href="([^"#]*)#(sentence-\d+)"')


@dataclass(frozen=True)
class Part:
    """The proofs of one page: `id` is the folder of the page that shows them, below that of the page of proofs."""

    id: str
    title: str
    proofs: str

    @property
    def name(self) -> str:
        """The title of the page that they prove; only the README is no page of the site."""
        return _TAG.sub("", self.title) if "<a " in self.title else "the README"

    @property
    def heading(self) -> str:
        """The title of its page."""
        return f"Proofs of {self.name}"

    @property
    def content(self) -> str:
        """What its page shows."""
        back = '<p><a href="../">The proofs of all pages</a></p>'
        return f'<h1 id="{self.id}">{self.heading}</h1>\n{back}\n{deeper(self.proofs, 1)}'


def split(page: str) -> tuple[str, Sequence[Part]]:
    """The page of proofs as a list of links to its parts, and the parts."""
    found = list(_PART.finditer(page))
    if not found:
        return page, ()
    parts = [Part(match[1], match[2], match[3]) for match in found]
    links = "\n".join(
        f'<li><a href="{part.id}/">{part.name}</a>: {counted(len(_ITEM.findall(part.proofs)), "sentence")}</li>'
        for part in parts
    )
    return f"{page[: found[0].start()]}<ul>\n{links}\n</ul>\n{page[found[-1].end() :]}", parts


def redirect(site: Path) -> None:
    """Let all links to sentences, on all pages of a built site, lead to the part with the sentence."""
    parts = {file.parent.name: file.read_text("utf-8") for file in (site / PAGE).glob("*/index.html")}
    home = {anchor: id_ for id_, text in parts.items() for anchor in _ANCHOR.findall(text)}
    for file in site.rglob("*.html"):
        page = file.read_text("utf-8")
        if (other := redirected(page, home)) != page:
            file.write_text(other, "utf-8")


def redirected(page: str, home: Mapping[str, str]) -> str:
    """A page whose links to sentences lead to the part with the sentence."""
    return _LINK.sub(
        lambda match: f'href="{match[1]}{home[match[2]]}/#{match[2]}"' if match[2] in home else match[0], page
    )
