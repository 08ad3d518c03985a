"""The evidence of the scenarios of a page gets pages of its own."""

from __future__ import annotations

from lxml import html

from guide.evidence_pages import cut_out

PAGE = """<link rel="stylesheet" href="../../assets/theme.css"><link rel="stylesheet" href="/else.css">
<h4 class="t" id="scenario-one">One &amp; <code>all</code><a class="headerlink" href="#scenario-one">¶</a></h4>
<details class="spec-steps"><summary>Steps</summary><ul><li>a step</li></ul></details>
<details class="spec-evidence"><summary>Evidence</summary>
<details class="spec-evidence"><summary>API</summary><img src="../../pictures/a.png#only-light"></details>
<details class="spec-evidence"><summary>CLI</summary><a href="#rule">rule</a> <a href="https://example.org/">e</a></details>
</details>
<h4 id="scenario-two">Two</h4>
<details class="spec-evidence"><summary>Evidence</summary><pre>two</pre></details>
<p>end</p>
"""


def test_a_fold_of_evidence_keeps_a_link_to_its_page() -> None:
    """Steps and everything else stay."""
    kept, pages = cut_out(PAGE)
    folds = html.fromstring(kept).xpath("//details[@class='spec-evidence']")
    assert [" ".join(fold.text_content().split()) for fold in folds] == ["EvidenceEvidence of this scenario"] * 2
    assert [fold.xpath("p/a/@href") for fold in folds] == [["evidence/one/"], ["evidence/two/"]]
    assert [one.path for one in pages] == ["evidence/one/index.html", "evidence/two/index.html"]
    assert "a step" in kept
    assert kept.rstrip().endswith("</details>\n<p>end</p>")


def test_the_page_of_the_evidence_is_whole() -> None:
    """Its title, its way back, all surfaces, and links and pictures that lead where they led."""
    _, [one, two] = cut_out(PAGE)
    page = html.fromstring(one.text)
    assert page.xpath("//h1/text()") == ["Evidence: One & all"]
    assert page.xpath("//article/p/a/@href") == ["../../#scenario-one"]
    assert page.xpath("//summary/text()") == ["API", "CLI"]
    assert page.xpath("//img/@src") == ["../../../../pictures/a.png#only-light"]
    assert page.xpath("//details//a/@href") == ["../../#rule", "https://example.org/"]
    assert page.xpath("//link/@href") == ["../../../../assets/theme.css"]
    assert "<pre>two</pre>" in two.text


def test_a_page_without_evidence_stays_as_it_is() -> None:
    """Other folds are no evidence."""
    page = "<details><summary>a</summary><details class='spec-steps'><summary>b</summary></details></details>"
    assert cut_out(page) == (page, [])
