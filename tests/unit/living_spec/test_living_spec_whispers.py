"""How loud a page is about its proofs: quiet where a rule holds, loud where it does not hold for the reader."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from living_spec_project import ISSUE
from test_living_spec_pages import in_spec, render, texts

from living_spec.config import SpecError
from living_spec.markdown.extension import EDITION
from living_spec.pages import find_blocks

if TYPE_CHECKING:
    from living_spec_project import Project

ROOT = Path(__file__).parents[3]
WEB = ISSUE.replace("[reference]", "[shipped]")


@pytest.fixture
def at(proven: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The tiny project after its run, as the working folder."""
    monkeypatch.chdir(proven.root)
    return proven


@pytest.mark.proves("rule-comes-with-its-results")
def test_the_mark_of_a_rule_opens_surfaces_time_and_scenarios_without_a_script(at: Project) -> None:
    page = render("::: rule delete-one")
    [button] = page.xpath("//p/button")
    [card] = page.xpath("//p/small[@popover]")
    assert button.get("popovertarget") == card.get("id")
    lines = texts(card, "span")
    assert lines[:2] == ["API ✓ holds", "CLI ✓ holds"]
    assert lines[2].startswith("Run on 20")
    assert lines[2].endswith(" UTC")
    assert lines[3:] == ["Scenarios of rule delete-one", "Delete two of four", "Delete each"]
    assert card.xpath(".//a/@href")[1:] == [
        "/spec/deleting.md#scenario-delete-two",
        "/spec/deleting.md#scenario-delete-each",
    ]
    assert not page.xpath("//script | //@onclick")


@pytest.mark.parametrize("block", ["rule delete-one", "scenario delete-two", "matrix"])
def test_the_search_leaves_results_out(at: Project, block: str) -> None:
    """Material skips an element with this attribute up to the first end of an element of the same kind."""
    for page in (render(f"::: {block}"), in_spec(at, f"::: {block}")):
        for one in page.xpath("//*[contains(., 'holds')][not(.//*[contains(., 'holds')])]"):
            left_out = one.xpath("ancestor-or-self::*[@data-search-exclude]")
            assert left_out
            assert not left_out[-1].xpath(f".//{left_out[-1].tag}")


def test_a_rule_is_an_item_of_a_list(at: Project) -> None:
    page = render("- ::: rule delete-one\n- ::: rule delete-one\n\nAnd:\n\n1. Look.\n2. ::: rule delete-one\n")
    assert [len(page.xpath(f"//{list_}/li")) for list_ in ("ul", "ol")] == [2, 2]
    assert len(page.xpath("//li/span[@class='spec-said']")) == 3
    assert [(block.marker, block.indent) for block in find_blocks(["  - ::: rule delete-one"])] == [("- ", "  ")]


@pytest.mark.proves("guide-warns-of-its-edition", "open-issue-warns-beside-the-rule")
def test_an_issue_of_another_edition_is_told_in_the_spec_and_not_in_the_guide(at: Project) -> None:
    at.write("docs/known-issues/loses-two.md", WEB)
    assert not texts(render("::: rule delete-one"), "//p[@class='spec-issue']")
    [told] = texts(in_spec(at, "::: rule delete-one"), "//p[@class='spec-issue']")
    assert told.startswith("Known issue: The second item goes, too, on CLI, in the edition Shipped (not run here), ")
    assert told.endswith("Shipped: The shelf with its bugs. What to do: Use the API.")


@pytest.mark.proves("guide-warns-of-its-edition")
def test_an_issue_of_the_reader_shouts(at: Project) -> None:
    at.write("docs/known-issues/loses-two.md", ISSUE)
    at.change("tests/test_tiny.py", "def _(shelf, item, evidence):", FAILING)
    at.pytest()
    page = render("::: rule delete-one")
    [told] = texts(page, "//p[@class='spec-issue']")
    assert told == "Known issue: The second item goes, too, on CLI, since 2026-03-01. What to do: Use the API."
    assert texts(page, "//p/button") == ["✓ proven on 1 of 2 surfaces"]


def test_an_issue_is_told_once_a_page(at: Project) -> None:
    at.write("docs/known-issues/loses-two.md", WEB)
    page = in_spec(at, "::: rule delete-one\n\n::: rule delete-one\n")
    first, second = page.xpath("//p[@class='spec-issue']")
    assert "What to do" in first.text_content()
    assert second.text_content() == "Known issue: The second item goes, too"
    assert second.xpath("a/@href") == [f"#{first.get('id')}"]


def test_the_page_of_an_issue_shows_its_rule_in_its_own_edition(at: Project) -> None:
    text = WEB + "\n::: rule delete-one\n"
    at.write("docs/known-issues/loses-two.md", text)
    page = render(text.partition("---\n\n")[2])
    assert texts(page, "//p[@class='spec-results']") == [
        "CLI, Reference ✓ holds CLI, Shipped ○ not run Rule delete-one"
    ]
    assert not texts(page, "//p[@class='spec-issue']")


def test_a_picture_has_its_size_and_waits_below_the_first_screen(at: Project) -> None:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1280, 720)
    at.change("tests/test_tiny.py", 'b"PNG"', repr(header))
    assert at.pytest().code == 0
    first, second = render("::: screenshot delete-two\n" + "\n" * 40 + "::: screenshot delete-two\n").xpath("//img")
    assert [(one.get("width"), one.get("height")) for one in (first, second)] == [("1280", "720")] * 2
    assert [one.get("loading") for one in (first, second)] == [None, "lazy"]
    [picture] = {one.get("loading") for one in render("::: feature deleting").xpath("//img")}
    assert picture == "lazy"


@pytest.mark.proves("sentence-opens-its-proof", reads=["docs/assets/proof.css"])
def test_the_mark_of_a_proof_shows_under_the_pointer_and_the_focus() -> None:
    css = re.sub(r"/\*.*?\*/", "", (ROOT / "docs/assets/proof.css").read_text("utf-8"), flags=re.DOTALL)
    rules = [(selectors.strip(), style) for selectors, style in re.findall(r"([^{}]+)\{([^{}]*)\}", css)]
    usual = next(
        style for selectors, style in rules if selectors == ".md-typeset .spec-mark-bare" and "opacity" in style
    )
    assert "opacity: 0;" in usual
    [shown] = [
        selectors for selectors, style in rules if "opacity: 1;" in style and ".spec-mark-bare:focus" in selectors
    ]
    assert ":is(p, li, dd, td, tr):hover > .spec-mark-bare" in shown


# The guide for another edition


@pytest.fixture
def shipped(at: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The tiny project with evidence of an edition that loses an item on the CLI, and the guide for it."""
    at.write("docs/known-issues/loses-two.md", WEB)
    at.change(
        "tests/test_tiny.py", "def _(shelf, item, evidence):", FAILING.replace("'cli'", "'cli' or 'ref' in shelf")
    )
    at.pytest("--edition", "shipped", "--surface", "cli")
    monkeypatch.setenv(EDITION, "shipped")
    return at


@pytest.mark.proves("guide-for-another-edition")
def test_the_guide_for_another_edition_shouts_its_issues_and_misses_no_result(
    shipped: Project, caplog: pytest.LogCaptureFixture
) -> None:
    page = render("::: rule delete-one\n\n::: transcript delete-two surface=cli\n")
    [told] = texts(page, "//p[@class='spec-issue']")
    assert told == "Known issue: The second item goes, too, on CLI, since 2026-03-01. What to do: Use the API."
    assert not page.xpath("//p/button")
    assert not caplog.records


@pytest.mark.proves("guide-for-another-edition")
def test_what_another_edition_has_not_recorded_is_that_of_the_first_and_says_so(shipped: Project) -> None:
    page = render("::: transcript delete-two surface=api")
    assert texts(page, "//pre") == ["$ rm shelf/1 api of reference"]
    assert texts(page, "//p") == ["Recorded on Reference. Not run on Shipped."]
    terminal = render("::: terminal delete-two surface=api")
    assert terminal.xpath("//div[@class='terminal']")
    assert texts(terminal, "//p[@class='spec-caption']") == ["Recorded on Reference. Not run on Shipped."]


def test_the_spec_is_built_once_for_all_editions(shipped: Project) -> None:
    assert not len(in_spec(shipped, "# Spec\n\n::: feature deleting\n"))


def test_an_edition_that_nobody_knows_is_an_error(at: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EDITION, "shiped")
    with pytest.raises(SpecError, match="There is no edition 'shiped'"):
        render("::: rule delete-one")


FAILING = """def _(shelf, item, evidence, surface_name):
    assert surface_name != 'cli' or item != '1'"""
