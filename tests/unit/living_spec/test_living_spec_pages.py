"""The Markdown extension: what pages show, built by MkDocs and by Python-Markdown alone."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import lxml.html
import markdown
import pytest

from living_spec.config import SpecError

if TYPE_CHECKING:
    from living_spec_project import Project

EXTENSIONS = [
    "admonition",
    "attr_list",
    "md_in_html",
    "tables",
    "toc",
    "pymdownx.details",
    "pymdownx.highlight",
    "pymdownx.superfences",
    "pymdownx.tabbed",
    "living_spec.markdown",
]


@pytest.fixture
def at(proven: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The tiny project after its run, as the working folder."""
    monkeypatch.chdir(proven.root)
    return proven


def render(text: str) -> lxml.html.HtmlElement:
    return lxml.html.fragment_fromstring(markdown.markdown(text, extensions=EXTENSIONS), create_parent="main")


def in_spec(project: Project, text: str) -> lxml.html.HtmlElement:
    """The text on a page of the spec, rendered."""
    project.write("docs/spec/shown.md", text)
    return render(text)


def texts(page: lxml.html.HtmlElement, path: str) -> list[str]:
    return [" ".join(element.text_content().split()) for element in page.xpath(path)]


def built(project: Project, page: str) -> lxml.html.HtmlElement:
    return lxml.html.parse(project.root / "site" / page).getroot().xpath("//article")[0]


# Built by MkDocs


@pytest.mark.proves("rule-comes-with-its-results")
def test_a_strict_build_of_fresh_evidence_passes_and_links_the_rule_to_its_proof(proven: Project) -> None:
    done = proven.mkdocs("--strict")
    assert done.code == 0, done.output
    page = built(proven, "index.html")
    assert texts(page, "//p[span]/span") == ["Deleting an item deletes that item and no other."]
    assert texts(page, "//p/button") == ["✓ proven on 2 surfaces"]
    assert page.xpath("//small//a/@href")[0] == "spec/deleting/#delete-one"
    assert built(proven, "spec/deleting/index.html").xpath("//h3[@id='delete-one']")


_WARNING = "//div[@class='admonition warning']"


@pytest.mark.proves("build-stops-at-an-unproven-rule")
@pytest.mark.parametrize("state", ["stale", "missing", "failing"])
def test_unproven_rules_fail_a_strict_build_and_show_a_banner_in_any_other(proven: Project, state: str) -> None:
    if state == "stale":
        proven.change("tests/test_tiny.py", 'b"PNG"', 'b"NEW"')
    elif state == "missing":
        (proven.root / "build/evidence/reference/cli/delete-two.json").unlink()
    else:
        proven.change(
            "tests/test_tiny.py", "def _(shelf, item, evidence):", "def _(shelf, item, evidence):\n    assert 0"
        )
        assert proven.pytest().code == 1
    strict = proven.mkdocs("--strict")
    assert strict.code == 1
    assert "Fresh evidence is missing" in strict.output
    assert proven.mkdocs().code == 0
    for name in ("index.html", "spec/deleting/index.html"):
        shown = built(proven, name)
        if state == "missing" and name == "index.html":
            assert texts(shown, "//p/button") == ["✓ proven on 1 of 2 surfaces"]
        else:
            [banner] = texts(shown, "//p[@class='spec-waiting']" if state == "missing" else _WARNING)
            assert "CLI" in banner
        assert len(texts(shown, _WARNING)) == (state != "missing")
    if state == "failing":
        shown = texts(built(proven, "spec/deleting/index.html"), "//p[@class='spec-reason']")
        assert "CLI: fails: AssertionError: assert 0" in shown
    results = texts(built(proven, "spec/deleting/index.html"), "//p[@class='spec-results']")[0]
    assert "proven on 2 surfaces" not in built(proven, "index.html").text_content()
    assert {"stale": "CLI ✓ holds (stale)", "missing": "CLI ○ not run", "failing": "CLI ✗ fails"}[state] in results


def test_an_unknown_id_fails_every_build(proven: Project) -> None:
    proven.change("docs/index.md", "delete-one", "delete-won")
    done = proven.mkdocs()
    assert done.code != 0
    assert "`::: rule delete-won`: There is no rule 'delete-won'. Did you mean 'delete-one'?" in done.output


# Rendered in process


@pytest.mark.proves("feature-shows-scenarios-and-evidence", "scenario-id-in-its-link")
def test_the_feature_shows_reasons_steps_examples_and_evidence(at: Project) -> None:
    page = render((at.root / "docs/spec/deleting.md").read_text("utf-8"))
    assert texts(page, "//h2") == ["Deleting"]
    assert "Why: the others are still needed." in texts(page, "//p")
    assert page.xpath("//h4[@id='scenario-delete-two']")
    assert "API: not on this surface: the API has no loop." in texts(page, "//p[@class='spec-reason']")
    assert texts(page, "//details[@class='spec-steps']//th") == ["item", "item", "API", "CLI"]
    assert "<2>" in texts(page, "//details[@class='spec-steps']//td")
    assert texts(page, "//details[@class='spec-evidence']/summary") == ["Evidence", "API", "CLI", "Evidence", "CLI"]
    nested = "//details[@class='spec-evidence']/details[@class='spec-evidence']"
    assert "$ rm shelf/1 api of reference" in texts(page, f"{nested}//pre")
    assert '{ "why": "held" }' in texts(page, f"{nested}//pre")
    assert set(page.xpath(f"{nested}//img/@alt")) == {"shelf: these are left"}


def test_the_scenario_shows_its_steps_and_results(at: Project) -> None:
    page = render("::: scenario delete-each")
    assert texts(page, "//li") == ["Given a shelf", 'When item "<item>" is deleted', "Then it is gone"]
    assert texts(page, "//p[@class='spec-results']") == ["API – not on this surface CLI ✓ holds"]


@pytest.mark.proves("output-comes-from-the-run")
def test_a_transcript_shows_the_command_its_output_and_the_exit_code_in_words(at: Project) -> None:
    page = render("::: transcript delete-each command=shelf/b")
    assert texts(page, "//pre") == ["$ rm shelf/b cli of reference"]
    assert texts(page, "//p") == ["exit code 3"]


@pytest.mark.proves("output-comes-from-the-run")
def test_a_transcript_comes_from_the_first_surface_that_has_one_or_the_one_asked_for(at: Project) -> None:
    assert texts(render("::: transcript delete-two"), "//pre") == ["$ rm shelf/1 api of reference"]
    assert texts(render("::: transcript delete-two surface=cli step=2"), "//pre") == ["$ rm shelf/1 cli of reference"]


def test_an_exchange_shows_request_and_answer(at: Project) -> None:
    page = render("::: exchange delete-two match=DELETE")
    assert texts(page, "//p") == ["Request: DELETE /shelf", "Answer: 409 Conflict"]
    assert texts(page, "//pre") == ['{ "why": "held" }']


def test_a_screenshot_is_a_picture_beside_the_pages_with_words(at: Project) -> None:
    [picture] = render("::: screenshot delete-two surface=cli label=shelf").xpath("//img")
    [file] = (at.root / "build/evidence/reference/cli/pictures").iterdir()
    assert picture.get("src") == f"/pictures/{file.name}"
    assert picture.get("alt") == "shelf: Delete two of four"
    assert at.mkdocs("--strict").code == 0
    assert (at.root / "site/pictures" / file.name).read_bytes() == b"PNG"


def test_of_two_themes_each_shows_its_own_picture(at: Project) -> None:
    shots = """evidence.screenshot("a [shelf] (light)", b"LIGHT"); evidence.screenshot("a [shelf] (dark)", b"DARK")"""
    at.change("tests/test_tiny.py", """evidence.screenshot("shelf", b"PNG")""", shots)
    assert at.pytest().code == 0
    pictures = render("::: screenshot delete-two 'label=a [shelf]'").xpath("//img")
    assert [picture.get("src").partition("#")[2] for picture in pictures] == ["only-light", "only-dark"]
    assert {picture.get("alt") for picture in pictures} == {"a [shelf]: Delete two of four"}
    assert len(render("::: screenshot delete-two 'label=a [shelf] (dark)'").xpath("//img")) == 1


def test_pictures_that_the_evidence_does_not_name_any_more_are_dropped(at: Project) -> None:
    assert at.living_spec("pictures").code == 0
    [before] = (at.root / "docs/pictures").iterdir()
    at.change("tests/test_tiny.py", 'b"PNG"', 'b"NEW"')
    assert at.pytest().code == 0
    assert at.living_spec("pictures").code == 0
    [after] = (at.root / "docs/pictures").iterdir()
    assert (after.read_bytes(), after.name == before.name) == (b"NEW", False)


def test_a_screenshot_of_a_surface_that_could_not_be_run_is_the_reason(
    at: Project, caplog: pytest.LogCaptureFixture
) -> None:
    at.change(
        "tests/test_tiny.py", """    evidence.screenshot("shelf", b"PNG")""", """    evidence.not_run("No browser.")"""
    )
    assert at.pytest().code == 0
    page = render("::: screenshot delete-two surface=cli label=shelf")
    assert texts(page, "//p[@class='spec-reason']") == ["CLI: not run: No browser."]
    assert not caplog.records


@pytest.mark.proves("a-picture-that-was-not-taken-is-not-run")
def test_a_screenshot_that_no_surface_could_take_is_the_reason(at: Project, caplog: pytest.LogCaptureFixture) -> None:
    """The block names no surface, because only one takes pictures: that one could not be run."""
    pictured_on_cli(at, """evidence.not_run("No browser.")""")
    assert at.pytest().code == 0
    page = render("::: screenshot delete-two label=shelf")
    assert texts(page, "//p[@class='spec-reason']") == ["CLI: not run: No browser."]
    assert not caplog.records


@pytest.mark.proves("a-picture-that-was-not-taken-is-not-run")
def test_a_screenshot_of_a_surface_without_a_result_stops_only_a_strict_build(proven: Project) -> None:
    pictured_on_cli(proven, """evidence.screenshot("shelf", b"PNG")""")
    proven.write("docs/index.md", "# Tiny\n\n::: screenshot delete-two\n")
    shutil.rmtree(proven.root / "build/evidence")
    assert proven.pytest("--surface", "api").code == 0
    assert proven.mkdocs().code == 0
    assert texts(built(proven, "index.html"), "//p[@class='spec-waiting']") == ["○ not run yet: CLI"]
    assert proven.mkdocs("--strict").code == 1


def pictured_on_cli(project: Project, does: str) -> None:
    """Change the step that takes the picture: it does this, and on the surface `cli` only."""
    takes = """def _(datatable, evidence):
    evidence.screenshot("shelf", b"PNG")"""
    only = f"""def _(datatable, evidence, surface_name):
    if surface_name == "cli":
        {does}"""
    project.change("tests/test_tiny.py", takes, only)


def test_a_transcript_of_a_surface_that_the_scenario_is_not_on_is_a_warning_with_the_reason(
    at: Project, caplog: pytest.LogCaptureFixture
) -> None:
    page = render("::: transcript delete-each surface=api")
    [banner] = texts(page, "//div[@class='admonition warning']")
    assert "not on this surface: the API has no loop." in banner
    assert [record.name for record in caplog.records] == ["mkdocs.living_spec"]


def test_a_transcript_that_has_not_been_recorded_yet_is_a_banner(at: Project) -> None:
    at.change("tests/test_tiny.py", 'b"PNG"', 'b"NEW"')
    assert texts(render("::: transcript delete-two command=nothing"), "//div[@class='admonition warning']")


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        ("rule nope", "There is no rule 'nope'"),
        ("scenario nope", "There is no scenario 'nope'"),
        ("feature nope", "There is no feature 'nope'"),
        ("rule delete-one surface=api", "This block has no option 'surface'"),
        ("rule", "This block takes one argument, but has 0"),
        ("matrix now", "This block takes no argument, but has 1"),
        ("nope delete-one", "There is no block 'nope'. Choose one of: "),
        ("transcript delete-two surface=ui", "There is no surface 'ui'"),
        ("transcript delete-two step=x", "There is no step 'x'"),
        ("transcript delete-two step=9", "The run has recorded no such transcript on API"),
        ("transcript delete-two command=nothing", "The run has recorded no such transcript on API"),
        ("exchange delete-two match=POST", "The run has recorded no such exchange on API"),
        ("screenshot delete-two label=door", "The run has recorded no such screenshot on API"),
        ('rule "delete-one', "A quote in "),
    ],
)
def test_a_block_that_makes_no_sense_is_an_error(at: Project, block: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        render(f"::: {block}")


def test_an_unknown_id_fails_the_build_and_is_told_with_its_page(proven: Project) -> None:
    proven.write("docs/index.md", "# Tiny\n\n::: rule delete-one\n::: rule nope\n")
    done = proven.mkdocs()
    assert done.code == 1
    assert "index.md" in done.output
    assert "There is no rule 'nope'" in done.output
    assert "Traceback" not in done.output


def test_blocks_in_fenced_code_are_left_alone(at: Project) -> None:
    page = render("````\n```\n::: rule nope\n```\n````\n\n~~~ text\n::: rule nope\n~~~\n")
    assert texts(page, "//pre") == ["``` ::: rule nope ```", "::: rule nope"]


def test_a_fence_that_never_ends_hides_no_block(at: Project) -> None:
    assert texts(render("```\n\n::: rule delete-one\n"), "//span[@class='spec-said']")


def test_a_block_works_inside_an_admonition(at: Project) -> None:
    page = render("!!! note\n\n    ::: transcript delete-two\n\n    After.\n")
    assert texts(page, "//div[@class='admonition note']//pre") == ["$ rm shelf/1 api of reference"]


NASTY = [
    "```",
    "````` text",
    "~~~",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1)) { .evil #id }",
    "</code></pre></div><script>alert(1)</script>",
    "::: rule nope",
    '--8<-- "pyproject.toml"',
    "??? note",
    "",
    "| a | b |",
    "# Heading",
]


@pytest.mark.parametrize("block", ["transcript delete-two", "feature deleting"])
def test_nothing_in_the_evidence_is_read_as_markup(at: Project, block: str) -> None:
    output = "\n".join(NASTY)
    at.change("tests/test_tiny.py", r'f"\x1b[31m{shelf}\x1b[0m"', repr(output))
    at.change("features/deleting.feature", 'item "<item>" is', 'item "<item>" _is_ <b>not</b> [x](y) {: #z }')
    at.change("tests/test_tiny.py", '"{item}" is', '"{item}" _is_ <b>not</b> [x](y) {{: #z }}')
    at.change("features/deleting.feature", 'item "1" is', 'item "1" _is_ <b>not</b> [x](y) {: #z }')
    done = at.pytest()
    assert done.code == 0, done.output
    page = render(f"::: {block}")
    assert "\n".join(["$ rm shelf/1", *NASTY]) in [pre.text_content().rstrip("\n") for pre in page.xpath("//pre")]
    assert not page.xpath(
        "//img[not(@class='spec-picture')] | //script | //a | //*[@id='z'] | //*[@id='id'] | //h1 | //em"
        " | //b[not(@aria-hidden)]"
    )
    if block == "feature deleting":
        assert 'When item "1" _is_ <b>not</b> [x](y) {: #z } deleted' in texts(page, "//li")


def test_symbols_stand_beside_words_and_are_hidden_from_screen_readers(at: Project) -> None:
    page = in_spec(at, "::: rule delete-one")
    symbols = page.xpath("//*[@aria-hidden='true']")
    assert [symbol.text for symbol in symbols] == ["✓", "✓"]
    assert [symbol.tail.strip() for symbol in symbols] == ["holds", "holds"]


def test_a_rule_that_no_page_shows_gets_no_link(at: Project) -> None:
    at.write("docs/spec/deleting.md", "# Spec\n")
    page = render("::: rule delete-one")
    assert not page.xpath("//a")


@pytest.mark.proves("pages-follow-the-features")
def test_a_changed_feature_is_seen_by_the_next_page(at: Project) -> None:
    assert texts(render("::: rule delete-one"), "//span[@class='spec-said']") != ["Nothing goes."]
    at.change("features/deleting.feature", "Deleting an item deletes that item and no other", "Nothing goes")
    assert texts(render("::: rule delete-one"), "//span[@class='spec-said']") == ["Nothing goes."]


def test_features_of_one_file_name_in_two_folders_are_two(proven: Project) -> None:
    """Names are paths: neither hides the other on a page, in the lint or in the messages."""
    text = (proven.root / "features/deleting.feature").read_text("utf-8")
    other = text.replace("Deletion in full.", "In the shop.").replace("@rule:", "@rule:shop-")
    proven.write("features/shop/deleting.feature", other.replace("@scenario:", "@scenario:shop-"))
    proven.write("docs/spec/shop.md", "# Shop\n\n::: feature shop/deleting\n")
    proven.write("docs/shop.md", "# Shop\n\n::: rule shop-delete-one\n")
    proven.change(
        "tests/test_tiny.py", 'scenarios("deleting.feature")', 'scenarios("deleting.feature", "shop/deleting.feature")'
    )
    assert proven.living_spec("lint").output == ""
    assert proven.pytest().code == 0
    assert proven.mkdocs("--strict").code == 0
    pages = {name: (proven.root / f"site/spec/{name}/index.html").read_text("utf-8") for name in ("deleting", "shop")}
    assert "Deletion in full." in pages["deleting"]
    assert "In the shop." in pages["shop"]
    assert "In the shop." not in pages["deleting"]
    proven.living_spec("report", "--messages", "messages.ndjson")
    uris = [
        message["source"]["uri"]
        for line in (proven.root / "messages.ndjson").read_text("utf-8").splitlines()
        if "source" in (message := json.loads(line))
    ]
    assert uris == [f"{name}/{one}deleting.feature" for name in ("api", "cli") for one in ("", "shop/")]
    proven.change("features/shop/deleting.feature", "@rule:shop-delete-one", "@rule:delete-one")
    assert "already used at deleting.feature:10" in proven.living_spec("lint").output
