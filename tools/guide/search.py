"""What the search finds: the sentences of a page without results and evidence, and other words that readers use."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LIST = Path(__file__).with_name("search.toml")
FIELD = "words"  # of the index; mkdocs.yml says how much it counts

# What repeats itself on many pages: results, proofs, steps, evidence and the labels of tabs. The inner <details> are
# marked, too, as the end of one ends the exclusion of those around it.
_REPEATED = re.compile(
    r'<(?:details|p|span|a|strong) (?=class="spec-(?:evidence|steps|results?|on|proof|surface|caption|state)\b)'
    r'|<div (?=class="tabbed-labels")'
)


@dataclass(frozen=True)
class Ranking:
    """How much each page counts, by the beginning of its address, and more words for pages and their sections."""

    boost: Mapping[str, float]
    words: Mapping[str, str]

    def boost_of(self, address: str) -> float:
        """The number for the longest beginning that fits."""
        return self.boost[max(filter(address.startswith, self.boost), key=len)]

    def complete(self, entries: Iterable[dict[str, Any]]) -> None:
        """Give each entry of the index its boost and its words."""
        for entry in entries:
            address = entry["location"]
            entry.setdefault("boost", self.boost_of(address))
            if address in self.words:
                entry[FIELD] = " ".join(self.words[address].split())


def ranking() -> Ranking:
    """Read `search.toml`."""
    return Ranking(**tomllib.loads(LIST.read_text("utf-8")))


def without_repetition(html: str) -> str:
    """Mark what is the same on many pages, so that the index leaves it out."""
    return _REPEATED.sub(lambda match: f'{match[0]}data-search-exclude="" ', html)
