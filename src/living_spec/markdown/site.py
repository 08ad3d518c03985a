"""What all pages of a site share: the proof, the edition that they show, and where things are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from living_spec.config import read_source
from living_spec.pages import body
from living_spec.prose.values import read_values
from living_spec.prose.verdicts import ProofOfProse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from living_spec.evidence import Result
    from living_spec.prose.bindings import Binding
    from living_spec.results import Proof


@dataclass(frozen=True)
class Site:
    """The proof, the edition that the site shows, and a link to the page of each feature that has one."""

    proof: Proof
    edition: str
    homes: Mapping[str, str]
    proofs_page: str | None = None  # a link to the page with the block `proofs`

    @cached_property
    def prose(self) -> ProofOfProse | None:
        """The proofs of the prose; None if the project has none."""
        return ProofOfProse(self.proof, self.edition) if self.proof.spec.config.prose else None

    @cached_property
    def bindings(self) -> Mapping[str, Binding]:
        """The bindings of all pages, by sentence. A sentence on two pages has the proofs of both."""
        found: dict[str, Binding] = {}
        for one in (one for of_page in self.prose.pages.values() for one in of_page) if self.prose else ():
            earlier = found.get(one.sentence, one)
            found[one.sentence] = replace(one, proofs=tuple(dict.fromkeys((*earlier.proofs, *one.proofs))))
        return found

    @cached_property
    def anchors(self) -> Mapping[str, str]:
        """The id of each bound sentence on the page of proofs."""
        return {sentence: f"sentence-{number}" for number, sentence in enumerate(self.bindings, 1)}

    @cached_property
    def values(self) -> Mapping[str, str]:
        """The values that pages take from the code."""
        prose = self.proof.spec.config.prose
        return read_values(prose) if prose else {}

    @cached_property
    def _pages(self) -> Mapping[str, Path]:
        """The page of each text, without front matter."""
        pages = self.proof.spec.config.pages
        return {body(read_source(path)): path for path in sorted(pages.rglob("*.md"))}

    def page(self, text: str) -> Path | None:
        """The page with this text: builders of sites do not tell an extension which page they build."""
        return self._pages.get(body(text))


def last_run(results: Iterable[Result]) -> str | None:
    """The time of the last of these results, in words; None without one."""
    last = max((result.started for result in results), default=None)
    return f"{last[:10]} at {last[11:16]} UTC" if last else None
