"""The proofs of each page get a page of their own."""

from __future__ import annotations

from pathlib import Path

from lxml import html

from guide.proof_pages import PAGE, redirect, redirected, split

WHOLE = """<h1 id="proofs">Proofs</h1>
<p>Each sentence has a proof.</p>
<h2 id="runs"><a href="../../how-to/runs/">Work with <em>Runs</em></a><a class="headerlink" href="#runs">¶</a></h2>
<ul>
<li><span id="sentence-1"></span>One.<br><a href="../in-use/#rule">rule</a></li>
<li><span id="sentence-2"></span>Two.<br><a href="./#sentence-3">three</a></li>
</ul>
<h2 id="faq"><a href="../../faq/">Questions</a></h2>
<ul>
<li><span id="sentence-3"></span>Three.</li>
</ul>
<p>The end.</p>
"""


def test_the_page_of_proofs_lists_the_pages_with_their_proofs() -> None:
    """What stands before and after them stays."""
    whole, parts = split(WHOLE)
    page = html.fragment_fromstring(whole, create_parent="main")
    assert [" ".join(item.text_content().split()) for item in page.xpath(".//li")] == [
        "Work with Runs: 2 sentences",
        "Questions: 1 sentence",
    ]
    assert page.xpath(".//li/a/@href") == ["runs/", "faq/"] == [f"{part.id}/" for part in parts]
    assert page.xpath("./p/text()") == ["Each sentence has a proof.", "The end."]


def test_a_part_has_a_title_its_sentences_and_links_from_one_folder_further_down() -> None:
    """Relative links of a proof still lead to the same pages."""
    part = html.fragment_fromstring(split(WHOLE)[1][0].content, create_parent="main")
    assert part.xpath("./h1")[0].text_content() == "Proofs of Work with Runs"
    assert part.xpath(".//span/@id") == ["sentence-1", "sentence-2"]
    assert part.xpath(".//li/a/@href") == ["../../in-use/#rule", ".././#sentence-3"]


def test_what_is_no_page_of_the_site_is_the_readme() -> None:
    """Its title is that of the first page, too."""
    [readme] = split('<h2 id="grid">Grid</h2><ul><li>One.</li></ul>')[1]
    assert readme.heading == "Proofs of the README"


def test_links_to_sentences_lead_to_the_part_with_the_sentence(tmp_path: Path) -> None:
    """From any page; other links stay."""
    page = '<a href="../spec/proofs/#sentence-3">a</a><a href="./#sentence-9">b</a><a href="x/#rule">c</a>'
    expected = page.replace("proofs/#sentence-3", "proofs/faq/#sentence-3")
    assert redirected(page, {"sentence-3": "faq"}) == expected
    for part in split(WHOLE)[1]:
        (tmp_path / PAGE / part.id).mkdir(parents=True)
        (tmp_path / PAGE / part.id / "index.html").write_text(part.content, "utf-8")
    (tmp_path / "index.html").write_text(page, "utf-8")
    redirect(tmp_path)
    assert (tmp_path / "index.html").read_text("utf-8") == expected
    assert ".././faq/#sentence-3" in (tmp_path / PAGE / "runs" / "index.html").read_text("utf-8")


def test_a_page_without_proofs_stays_as_it_is() -> None:
    """Such as one of a project whose sentences have none."""
    assert split("<h1>Proofs</h1><p>None.</p>") == ("<h1>Proofs</h1><p>None.</p>", ())
