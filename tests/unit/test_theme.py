"""The parts of the theme that are this site's own, on a tiny site built with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import html
from mkdocs.commands.build import build
from mkdocs.config import load_config

from guide.verification import Verification, verification
from living_spec.config import find_config
from living_spec.evidence import Key, Outcome, Result
from living_spec.issues import Register
from living_spec.results import Proof
from living_spec.spec import read_spec

ROOT = Path(__file__).parents[2]
HOOK = """
from guide.verification import Verification

def on_env(env, **_):
    env.globals["verification"] = Verification({day!r}, "1.2.3")

def on_page_context(context, page, **_):
    context["in_guide"] = page.url == "guide/"
"""


def built(folder: Path, day: str = "2026-03-01", **settings: object) -> Path:
    """A site of three pages with this site's theme."""
    pages = folder / "docs"
    pages.mkdir()
    for name in ("index.md", "guide.md", "other.md"):
        (pages / name).write_text(f"# {name}\n", "utf-8")
    (folder / "hook.py").write_text(HOOK.format(day=day), "utf-8")
    build(
        load_config(
            str(ROOT / "mkdocs.yml"),
            docs_dir=str(pages),
            site_dir=str(folder / "site"),
            nav=[{"Home": "index.md"}, {"Guide": "guide.md"}, {"Other": "other.md"}],
            hooks=[str(folder / "hook.py")],
            plugins=[],
            extra_css=[],
            extra_javascript=[],
            markdown_extensions=[],
            **settings,
        )
    )
    return folder / "site"


def feet(site: Path, page: str) -> list[html.HtmlElement]:
    """The foot of a page."""
    return html.parse(str(site / page)).getroot().xpath("//article//aside")


def test_a_page_of_the_guide_says_when_it_was_verified_and_with_which_version(tmp_path: Path) -> None:
    """Other pages have results of their own; without a repository nobody can edit, so nothing offers it."""
    site = built(tmp_path)
    [foot] = feet(site, "guide/index.html")
    assert " ".join(foot.text_content().split()) == "Verified on 2026-03-01 with version 1.2.3."
    assert not foot.xpath(".//a")
    assert feet(site, "other/index.html") == []


def test_a_page_that_is_not_verified_says_so(tmp_path: Path) -> None:
    """Neither a day nor a version."""
    [foot] = feet(built(tmp_path, day=""), "guide/index.html")
    assert "Not verified yet" in foot.text_content()


def test_with_a_repository_every_page_links_to_its_source(tmp_path: Path) -> None:
    """MkDocs makes its address from `repo_url` and `edit_uri`."""
    site = built(tmp_path, repo_url="https://code.example.org/grid", edit_uri="edit/main/docs/")
    links = [foot.xpath(".//a/@href") for page in ("guide", "other") for foot in feet(site, f"{page}/index.html")]
    assert links == [[f"https://code.example.org/grid/edit/main/docs/{page}.md"] for page in ("guide", "other")]


@pytest.mark.parametrize(("url", "root"), [("", "/"), ("https://docs.example.org/grid/", "/grid/")])
def test_the_page_for_unknown_addresses_begins_its_links_at_the_root(tmp_path: Path, url: str, root: str) -> None:
    """It is served from any path."""
    page = html.parse(str(built(tmp_path, site_url=url) / "404.html")).getroot()
    inside = page.xpath("//article//a/@href | //article//form/@action | //head/link[@rel='stylesheet']/@href")
    assert len(inside) > 3
    assert [address for address in inside if not address.startswith(root)] == []


def test_the_day_is_that_of_the_last_run_of_a_spec_that_holds() -> None:
    """A failure, or a result of other sources, leaves nothing verified."""
    proof = _proof(Outcome.PASSED)
    assert verification(proof).day == "2026-03-02"
    assert verification(proof).version
    assert verification(_proof(Outcome.FAILED)) == Verification()
    assert verification(replace(proof, digest="other")) == Verification()
    assert verification(replace(proof, evidence={})) == Verification()


def _proof(outcome: Outcome) -> Proof:
    spec = read_spec(find_config(ROOT))
    config = spec.config
    keys = [
        Key(config.first_edition, surface, scenario.id, row)
        for scenario in spec.scenarios.values()
        for surface in config.surfaces
        for row in scenario.rows
    ]
    days = ["2026-03-02", *["2026-03-01"] * (len(keys) - 1)]
    results = (
        Result(key, {}, outcome, "", f"{day}T10:00:00+00:00", 1, (), "digest")
        for key, day in zip(keys, days, strict=True)
    )
    return Proof(spec, {result.key: (result,) for result in results}, "digest", Register(()))
