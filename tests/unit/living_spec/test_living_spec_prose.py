"""Proofs of prose, in a project on disk: the lint, the evidence of tests, and what a page shows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import lxml.html
import markdown
import pytest
from click.testing import CliRunner
from living_spec_project import ISSUE

from living_spec.config import find_config
from living_spec.prose.signing import sign
from living_spec.spec import read_spec

if TYPE_CHECKING:
    from living_spec_project import Project

ROOT = Path(__file__).parents[3]
WRITING = ROOT / "docs/writing.md"

TABLE = """
[tool.living-spec.prose]
pages = ["docs/index.md"]
bindings = "proofs"
tests = ["tests"]
values = "values.json"
factual = ["never"]

[tool.pytest.ini_options]
"""

PAGE = """# Tiny shelf

Deleting an item leaves the others. A shelf holds {{ most }} items. Look twice.

::: rule delete-one
"""

PROOFS = """Tiny shelf
    navigation

Deleting an item leaves the others.
    rule delete-one
    scenario delete-two step 2 on api

A shelf holds {{ most }} items.
    test most-items

Look twice.
    advice
"""

PROVEN_BY_A_RULE = ("Deleting an item leaves the others.", "rule delete-one", "holds", "scenario delete-two step 2")
PROVEN_BY_A_TEST = ("A shelf holds", "test_it_holds_as_many_as_it_says", "holds")

FACT = """
import pathlib
import pytest

@pytest.mark.proves("most-items", reads=["limit.txt"])
@pytest.mark.parametrize("number", [1, 2])
def test_it_holds_as_many_as_it_says(number):
    assert number <= int(pathlib.Path("limit.txt").read_text())
"""

CRASH = """
import os
import pathlib

def pytest_runtest_WHEN():
    if pathlib.Path("crash").exists():
        os._exit(1)
"""


@pytest.fixture
def told(proven: Project) -> Project:
    """The tiny project, whose page is bound to its proofs; the proving test has not run."""
    proven.change("pyproject.toml", "\n[tool.pytest.ini_options]\n", TABLE)
    proven.change("pyproject.toml", '["features", "tests"]', '["features", "tests/test_tiny.py"]')
    proven.write("docs/index.md", PAGE)
    proven.write("docs/proofs.md", "# Proofs\n\n::: proofs\n\n::: prose\n")
    proven.write("proofs/index.txt", PROOFS)
    proven.write("values.json", '{"most": "three"}')
    proven.write("limit.txt", "3")
    proven.write("tests/test_fact.py", FACT)
    return proven


@pytest.fixture
def linted(told: Project) -> Project:
    """The same, for the lint, which needs no steps here."""
    told.drop_tests()
    return told


def page(project: Project, *arguments: str) -> tuple[str, lxml.html.HtmlElement]:
    done = project.mkdocs(*arguments)
    return done.output, lxml.html.parse(project.root / "site/index.html").getroot()


def test_bound_prose_passes_the_lint(linted: Project) -> None:
    done = linted.living_spec("lint")
    assert (done.code, done.output) == (0, "")


@pytest.mark.proves("sentences-need-proofs")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Look twice.", "Look twice. A deletion can be undone for a day.", "Nothing proves 'A deletion can be undone"),
        (
            "leaves the others.",
            "never leaves the others.",
            "was 'Deleting an item leaves the others.' when it was signed",
        ),
        ("# Tiny", "# Not a tiny", "was 'Tiny shelf' when"),
        ("Look twice.", "Look twice.\n\n```bash\nrm -rf /\n```\n\n", "Nothing proves '```bash rm -rf /'"),
        (" Look twice.", "", "The page no longer says 'Look twice.'"),
        ("{{ most }}", "{{ mots }}", "There is no value 'mots'. Did you mean 'most'?"),
        ("Look twice.", "Look twice.\n\n| A |\n| - |\n| gone |\n", "Nothing proves 'gone'"),
    ],
)
def test_a_page_that_says_something_else_fails_the_lint(linted: Project, old: str, new: str, message: str) -> None:
    linted.change("docs/index.md", old, new)
    done = linted.living_spec("lint")
    assert done.code == 1
    assert message in done.output


@pytest.mark.proves("sentences-need-proofs")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    rule delete-one", "    rule delete-won", "There is no rule 'delete-won'. Did you mean 'delete-one'?"),
        ("step 2", "step 7", "has 3 steps, not 7"),
        ("on api", "on cly", "There is no surface 'cly'. Did you mean 'cli'?"),
        ("scenario delete-two step 2 on api", "scenario delete-each on api", "does not run on api"),
        ("test most-items", "test most-itms", "No test proves 'most-itms'. Did you mean 'most-items'?"),
        ("test most-items", "advice", "A sentence with 'three' states a fact"),
        ("    advice", "    ?", "Nothing proves 'Look twice.'"),
    ],
)
def test_a_binding_to_nothing_fails_the_lint(linted: Project, old: str, new: str, message: str) -> None:
    if "states a fact" in message:
        linted.change("pyproject.toml", '["never"]', '["three"]')
        linted.change("docs/index.md", "{{ most }}", "three")
        linted.change("proofs/index.txt", "{{ most }}", "three")
    linted.change("proofs/index.txt", old, new)
    done = linted.living_spec("lint")
    assert done.code == 1
    assert message in done.output


def test_bindings_without_a_page_fail_the_lint(linted: Project) -> None:
    linted.write("proofs/guide/old.txt", "It is kept.\n    advice\n")
    done = linted.living_spec("lint")
    assert (done.code, "proofs/guide/old.txt:1: No page belongs to these bindings." in done.output) == (1, True)


def test_a_sentence_that_is_bound_twice_fails_the_lint(linted: Project) -> None:
    linted.write("proofs/index.txt", PROOFS + "\nLook twice.\n    navigation\n")
    done = linted.living_spec("lint")
    assert (done.code, "proofs/index.txt:14: 'Look twice.' is already bound in line 11." in done.output) == (1, True)


@pytest.mark.parametrize("file", ["docs/index.md", "proofs/index.txt", "tests/test_fact.py"])
def test_a_file_in_another_encoding_is_named(linted: Project, file: str) -> None:
    (linted.root / file).write_bytes(b"# pytest.mark.proves(\xe9)\n")
    for command in ("lint", "sign"):
        done = linted.living_spec(command)
        assert (done.code, f"Error: {file} is not UTF-8 text" in done.output) == (1, True)
        assert "Traceback" not in done.output


def test_a_test_file_with_a_mistake_is_named(told: Project) -> None:
    told.write("tests/test_other.py", '@pytest.mark.proves("a"\n')
    done = told.pytest("tests/test_fact.py")
    assert done.code == 4
    assert "tests/test_other.py:1: Python cannot read this file" in done.output
    assert "Traceback" not in done.output


def test_a_fact_that_no_sentence_names_fails_the_lint(linted: Project) -> None:
    linted.change("tests/test_fact.py", '"most-items"', '"most-items", "fewest-items"')
    assert "No sentence of the pages names the fact 'fewest-items'" in linted.living_spec("lint").output


@pytest.mark.proves("sentences-need-proofs", "page-of-proofs", "sentence-opens-its-proof")
def test_a_page_shows_its_proofs_once_they_have_run(told: Project) -> None:
    assert told.pytest("tests/test_tiny.py").code == 0
    assert told.living_spec("facts").code == 1
    output, site = page(told, "--strict")
    assert "Aborted with" in output
    assert "Not proven: 'A shelf holds {{ most }} items.'" in output
    assert site.xpath("//span[@class='spec-waiting']/@aria-label") == ["not run yet"]

    assert told.pytest().code == 0
    assert told.living_spec("facts").code == 0
    output, site = page(told, "--strict")
    assert "Not proven" not in output
    cards = site.xpath("//button[@aria-label='Proof']/following-sibling::small[1]")
    assert [[line.text_content() for line in card.xpath("span")] for card in cards] == [
        ["Proven by", "rule delete-one", "scenario delete-two step 2 on api", "In the list of proofs"],
        ["Proven by", "test most-items", "In the list of proofs"],
    ]
    assert [card.xpath(".//a/@href")[-1] for card in cards] == ["proofs/#sentence-2", "proofs/#sentence-3"]
    assert "A shelf holds three items." in " ".join(site.text_content().split())
    proof = lxml.html.parse(told.root / "site/proofs/index.html").getroot()
    assert proof.xpath("//*[@id='sentence-3']")
    assert "2 of 2 (100 %)" in proof.text_content()
    rows = [" ".join(row.text_content().split()) for row in proof.xpath("//li")]
    for words in (PROVEN_BY_A_RULE, PROVEN_BY_A_TEST):
        assert [row for row in rows if row.startswith(words[0]) and all(word in row for word in words[1:])]


@pytest.mark.parametrize(
    ("change", "word"),
    [(("limit.txt", "3", "2"), "stale"), (("tests/test_fact.py", "number <=", "number + 0 <="), "stale")],
)
def test_a_result_of_other_sources_is_stale(told: Project, change: tuple[str, str, str], word: str) -> None:
    told.pytest("-m", "proves")
    told.change(*change)
    done = told.living_spec("facts")
    assert (done.code, word in done.output) == (1, True)


@pytest.mark.proves("sentences-need-proofs")
def test_a_failure_of_one_case_shows_on_the_page(told: Project) -> None:
    assert told.pytest().code == 0
    told.write("limit.txt", "1")
    assert told.pytest("-m", "proves").code == 1
    output, site = page(told, "--strict")
    assert "fails" in output
    assert "Aborted with" in output
    assert site.xpath("//strong[@class='spec-unproven']/text()") == ["Not proven: fails"]


@pytest.mark.parametrize(
    "arguments", [("-k", "holds_as_many and 1"), ("tests/test_fact.py::test_it_holds_as_many_as_it_says[1]",)]
)
def test_a_run_of_some_cases_proves_nothing_by_itself(told: Project, arguments: tuple[str, ...]) -> None:
    assert told.pytest(*arguments).code == 0
    assert told.living_spec("facts").code == 1
    told.pytest("-m", "proves")
    assert told.living_spec("facts").code == 0
    told.pytest(*arguments)
    assert told.living_spec("facts").code == 0


def test_a_run_of_the_cases_that_failed_last_proves_nothing_of_the_others(told: Project) -> None:
    told.change("pyproject.toml", ', "-p", "no:cacheprovider"', "")
    told.write("limit.txt", "1")
    assert told.pytest("-m", "proves").code == 1
    told.write("limit.txt", "3")
    assert told.pytest("-m", "proves", "--lf").code == 0
    done = told.living_spec("facts")
    assert (done.code, "stale" in done.output) == (1, True)


def test_workers_of_xdist_send_their_results(told: Project) -> None:
    assert told.pytest("-m", "proves", "-n", "2").code == 0
    results = json.loads((told.root / "build/evidence/facts.json").read_text("utf-8"))
    assert [len(one["cases"]) for one in results.values()] == [2]
    assert told.living_spec("facts").code == 0


@pytest.mark.parametrize(
    ("ends", "word", "stops"),
    [("pytest.skip('no disk')", "not run", False), ("pytest.xfail('not yet')", "fails", True)],
)
def test_a_test_that_is_skipped_proves_nothing(told: Project, ends: str, word: str, *, stops: bool) -> None:
    """A machine without a browser or a disk can build the pages, which say what it has not shown."""
    told.change("tests/test_fact.py", "    assert", f"    {ends}\n    assert")
    assert told.pytest().code == 0
    done = told.living_spec("facts")
    assert (done.code, f"test_it_holds_as_many_as_it_says: {word}" in done.output) == (1, True)
    output, site = page(told, "--strict")
    assert ("Aborted with" in output) == stops
    assert site.xpath("//strong[@class='spec-unproven']/text()") == [f"Not proven: {word}"]


@pytest.mark.parametrize("when", ["setup", "call"])
def test_a_test_whose_process_crashes_proves_nothing_any_more(told: Project, when: str) -> None:
    told.write("tests/conftest.py", CRASH.replace("WHEN", when))
    assert told.pytest("-m", "proves").code == 0
    assert told.living_spec("facts").code == 0
    told.write("crash", "")
    assert told.pytest("-m", "proves", "-n", "1", "--max-worker-restart", "0").code == 1
    assert told.living_spec("facts").code == 1


@pytest.mark.proves("signing-shows-both")
def test_signing_shows_the_change_and_its_proof(linted: Project) -> None:
    linted.change("docs/index.md", "leaves the others.", "leaves all the others.")
    done = linted.living_spec("sign", "--yes")
    assert "was: Deleting an item leaves the others.\n  now: Deleting an item leaves all the others." in done.output
    assert "rule delete-one: Deleting an item deletes that item and no other" in done.output
    assert linted.living_spec("lint").code == 0


@pytest.mark.proves("signing-asks")
def test_signing_asks_and_unbinds_what_its_proof_does_not_show(
    linted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    linted.change("docs/index.md", "leaves the others.", "leaves none of the others.")
    monkeypatch.chdir(linted.root)
    done = CliRunner().invoke(sign, input="n\n")
    assert "Does it still show what the sentence says? [y/N]: n" in done.output
    assert "Deleting an item leaves none of the others.\n    ?\n" in (linted.root / "proofs/index.txt").read_text(
        "utf-8"
    )


@pytest.mark.proves("page-sign-works-as-it-stands", reads=["docs/writing.md"])
def test_the_commands_of_the_page_say_what_is_left_to_do(linted: Project) -> None:
    """And once the question mark is replaced, nothing is."""
    linted.change("pyproject.toml", '["docs/index.md"]', '["docs/index.md", "docs/how-to"]')
    linted.write("docs/how-to/runs.md", "# Runs\n\nLook at each.\n\n::: rule delete-one\n")
    (linted.root / ".venv").mkdir()
    (linted.root / ".venv/bin").symlink_to(Path(sys.executable).parent)
    [code] = re.findall(r"^```bash\n(.*?)^```$", WRITING.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    done = subprocess.run(["sh", "-c", code], cwd=linted.root, capture_output=True, text=True)
    assert "proofs/how-to/runs.txt: 2 sentences, 1 without a proof: replace each '?' in it." in done.stdout
    assert "docs/how-to/runs.md:3: Nothing proves 'Look at each.'. Name its proof in its bindings." in done.stdout
    assert (linted.root / "proofs/how-to/runs.txt").read_text("utf-8").endswith("\n\nLook at each.\n    ?\n")
    linted.change("proofs/how-to/runs.txt", "    ?", "    rule delete-one")
    done = subprocess.run(["sh", "-c", code], cwd=linted.root, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "proofs/how-to/runs.txt: 2 sentences, all bound.\n")


@pytest.mark.proves("example-of-a-proof", reads=["docs/writing.md"])
def test_the_example_of_a_proof_is_one() -> None:
    [example] = re.findall(r"^ +```text\n(.*?)^ +```$", WRITING.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    sentence, proof = (line.strip() for line in example.splitlines())
    assert sentence.endswith("releases its version.")
    kind, scenario, _, step, _, surface = proof.split()
    found = read_spec(find_config(ROOT)).scenario(scenario)
    assert (kind, found.steps[int(step) - 1].text, found.not_on(surface)) == ("scenario", "it is done", None)


@pytest.mark.proves("pages-take-values-from-the-code")
def test_a_page_changes_with_the_values_of_the_code(told: Project) -> None:
    told.write("values.json", '{"most": "seven"}')
    assert "A shelf holds seven items." in " ".join(page(told)[1].text_content().split())


BOTH = "rule delete-one\n    scenario delete-two step 2 on api"


@pytest.mark.proves("what-a-proof-counts-for")
@pytest.mark.parametrize(
    ("old", "new", "holds"),
    [
        (BOTH, "rule delete-one", False),
        (BOTH, "rule delete-one on api", True),
        (BOTH, "scenario delete-each", False),
        (BOTH, "scenario delete-two", True),
        (BOTH, "rule delete-one on api\n    scenario delete-each on cli", False),
        (BOTH, "test most-items", True),
        (BOTH, "test two-tests", False),
    ],
    ids=["a rule", "on a surface", "a scenario", "another", "several proofs", "a test", "every test of the fact"],
)
def test_a_sentence_is_as_good_as_what_it_is_bound_to(told: Project, old: str, new: str, holds: bool) -> None:
    """A scenario of the rule fails on the CLI, and one of two tests of a fact."""
    told.change("tests/test_tiny.py", "def _():\n    pass", "def _(surface_name):\n    assert surface_name != 'cli'")
    more = "\n\n@pytest.mark.proves('two-tests')\ndef test_{0}():\n    assert {0}\n"
    told.write("tests/test_fact.py", FACT + more.format("True") + more.format("False"))
    told.change("proofs/index.txt", old, new)
    told.pytest()
    text = " ".join(page(told)[1].text_content().split())
    assert ("Deleting an item leaves the others. Not proven: fails" in text) is not holds


@pytest.mark.proves("guide-for-another-edition")
def test_the_guide_for_another_edition_marks_what_an_issue_leaves_unproven(
    told: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence whose proofs were not run on that edition has no mark."""
    told.write("docs/known-issues/loses-two.md", ISSUE.replace("[reference]", "[shipped]"))
    failing = """def _(shelf, item, evidence, surface_name):
    assert surface_name != "cli" or item != "1" or "ref" in shelf"""
    told.change("tests/test_tiny.py", "def _(shelf, item, evidence):", failing)
    told.pytest("--edition", "shipped")
    monkeypatch.chdir(told.root)
    monkeypatch.setenv("LIVING_SPEC_EDITION", "shipped")
    shown = markdown.markdown(PAGE, extensions=["attr_list", "living_spec.markdown"])
    site = lxml.html.fragment_fromstring(shown, create_parent="main")
    [doubt] = site.xpath("//strong[@class='spec-doubt']")
    assert (doubt.text_content(), doubt.xpath("a/@href")) == ("Not proven here", ["/known-issues/loses-two.md"])
    assert "leaves the others. Not proven here A shelf holds three items. Look twice." in site.text_content()
