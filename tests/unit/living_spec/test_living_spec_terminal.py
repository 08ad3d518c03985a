"""The blocks `terminal` and `state`, which the first page has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from test_living_spec_pages import at, render, texts

from living_spec.config import SpecError

if TYPE_CHECKING:
    from living_spec_project import Project

__all__ = ["at"]
SVG = "//svg"


def test_the_terminal_plays_what_the_run_recorded(at: Project) -> None:
    """At two widths, which are drawings for those who see; the text is there for everybody."""
    page = render("::: terminal delete-each surface=cli")
    assert page.xpath(f"{SVG}/@class") == ["terminal-wide", "terminal-narrow"]
    assert page.xpath(f"{SVG}/@aria-hidden") == ["true", "true"]
    for drawing in page.xpath(SVG):
        assert texts(drawing, ".//text") == ["$ rm shelf/a", "cli of reference"]
    assert texts(page, "//details[@class='terminal-text']//pre") == ["$ rm shelf/a cli of reference"]


def test_a_command_is_typed_before_its_output_appears(at: Project) -> None:
    """Each line begins when the one before has ended."""
    page = render("::: terminal delete-two surface=cli")
    typed, printed = (line.get("style") for line in page.xpath(f"({SVG})[1]//text"))
    moments = dict(part.split(":") for part in typed.split(";"))
    assert moments["--steps"] == str(len("$ rm shelf/1"))
    ends = float(moments["--begins"].rstrip("s")) + float(moments["--takes"].rstrip("s"))
    assert float(printed.removeprefix("--begins:").rstrip("s")) > ends


def test_on_a_narrow_screen_sentences_wrap_and_tables_are_cut_off(at: Project) -> None:
    """Nothing is wider than the drawing."""
    sentence, table = "a sentence that is longer than a phone is wide, so it wraps", "NAME   SIZE   " * 5
    at.change("tests/test_tiny.py", "\\x1b[31m{shelf}\\x1b[0m", f"{sentence}\\n{table}")
    assert at.pytest().code == 0
    lines = [line.text_content() for line in render("::: terminal delete-two surface=cli").xpath(f"({SVG})[2]//text")]
    assert " ".join(" ".join(lines[1:-1]).split()).replace("\u00a0", " ") == sentence
    assert lines[-1].endswith("…")
    assert max(map(len, lines)) <= 42


def test_only_the_steps_that_the_block_names_are_played(at: Project) -> None:
    """From one to another, counted from 1."""
    assert len(render("::: terminal delete-two surface=cli step=1-2").xpath(f"({SVG})[1]//text")) == 2
    with pytest.raises(SpecError, match="recorded no commands"):
        render("::: terminal delete-two surface=cli step=3-3")
    with pytest.raises(SpecError, match="no step 'x'"):
        render("::: terminal delete-two surface=cli step=1-x")


def test_a_terminal_without_a_run_says_so(at: Project) -> None:
    """As with all evidence."""
    (at.root / "build/evidence/reference/cli/delete-two.json").unlink()
    page = render("::: terminal delete-two surface=cli")
    assert texts(page, "//p[@class='spec-waiting']") == ["○ not run yet: CLI"]
    assert not page.xpath(SVG)


def test_nothing_that_was_printed_is_read_as_markup(at: Project) -> None:
    """Neither as HTML nor as Markdown."""
    at.change("tests/test_tiny.py", "\\x1b[31m{shelf}\\x1b[0m", "<b>*one*</b> _two_ `three`")
    assert at.pytest().code == 0
    [drawing, _] = render("::: terminal delete-two surface=cli").xpath(SVG)
    assert texts(drawing, ".//text")[1] == "<b>*one*</b> _two_ `three`"


def test_the_state_is_one_line(at: Project) -> None:
    """With the number of rules that hold, and the moment of the run."""
    [line] = texts(render("::: state"), "//p[contains(@class, 'spec-state')]")
    assert line.startswith("✓ All 1 rule hold, seen in 2 scenarios on 2 surfaces on 20")
    assert line.endswith(" UTC.")


def test_the_state_counts_a_rule_only_where_it_was_seen_to_hold(at: Project) -> None:
    """Stale evidence counts for none."""
    at.change("tests/test_tiny.py", 'b"PNG"', 'b"NEW"')
    page = render("::: state")
    assert "0 of 1 rule hold on every surface" in texts(page, "//p[contains(@class, 'spec-state')]")[0]
    assert page.xpath("//div[@class='admonition warning']")
