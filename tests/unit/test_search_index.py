"""The index of the site's search: what is left out, how pages rank, and the words that readers use instead."""

from __future__ import annotations

from typing import Any

from material.plugins.search.plugin import Parser

from guide.search import FIELD, Ranking, ranking, without_repetition

PAGE = """
<h1 id="one">One</h1>
<p>Kept.</p>
<p class="spec-results" role="list"><span class="spec-on">holds</span></p>
<details class="spec-evidence"><summary>Evidence</summary>
  <details class="spec-evidence"><summary>API</summary><p>first</p></details>
  <details class="spec-evidence"><summary>CLI</summary><p>second</p></details>
</details>
<div class="tabbed-labels"><label>CLI</label><label>API</label></div>
<details class="spec-steps"><summary>Steps</summary><ul><li>third</li></ul></details>
<p>Also kept.</p>
"""


def test_results_steps_and_evidence_are_not_searched() -> None:
    """Only the sentences remain; the plugin reads the marks."""
    assert _indexed(without_repetition(PAGE)) == "Kept. Also kept."
    assert "first" in _indexed(PAGE), "the page has something to leave out"


def test_the_longest_beginning_of_an_address_ranks_a_page() -> None:
    """A page's own number in its front matter comes before both."""
    found: list[dict[str, Any]] = [
        {"location": "spec/"},
        {"location": "spec/quota/#rule"},
        {"location": "guide/"},
        {"location": "spec/other/", "boost": 9},
    ]
    Ranking({"": 1, "spec/": 0.1, "spec/quota/": 0.2}, {}).complete(found)
    assert [entry["boost"] for entry in found] == [0.1, 0.2, 1, 9]


def test_a_page_is_found_by_the_words_that_it_does_not_say() -> None:
    """They belong to the entry with exactly this address, not to the page's sections."""
    found: list[dict[str, Any]] = [{"location": "a/"}, {"location": "a/#b"}]
    Ranking({"": 1}, {"a/": " undo\n restore "}).complete(found)
    assert [entry.get(FIELD) for entry in found] == ["undo restore", None]


def test_how_to_pages_rank_before_the_spec() -> None:
    """As the project's list says."""
    ranked = ranking()
    assert ranked.boost_of("how-to/make-room/") > ranked.boost_of("why/versions/") > 1 > ranked.boost_of("spec/quota/")


def _indexed(html: str) -> str:
    parser = Parser()
    parser.feed(html)
    parser.close()
    text = "".join("".join(section.text) for section in parser.data)
    for tag in ("p", "ul", "li"):
        text = text.replace(f"<{tag}>", "").replace(f"</{tag}>", "")
    return " ".join(text.split())
