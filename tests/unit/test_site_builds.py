"""The guide for another edition lies in a folder of the site. It links to the site for all other pages and assets."""

from __future__ import annotations

from pathlib import Path

import pytest

import site_builds
from living_spec.config import find_config
from living_spec.markdown.extension import EDITION
from site_builds import move, rebased, settings

ROOT = Path(__file__).parents[2]
PAGES = {"index.html", "guide/deleting/index.html", "faq/index.html"}


@pytest.mark.parametrize(
    ("page", "address", "moved"),
    [
        ("guide/deleting/index.html", "../../faq/#limit", "../../faq/#limit"),
        ("guide/deleting/index.html", "../..", "../.."),
        ("guide/deleting/index.html", "../../spec/deleting/#one", "../../../../spec/deleting/#one"),
        ("guide/deleting/index.html", "../../assets/spec.css", "../../../../assets/spec.css"),
        ("guide/deleting/index.html", "../../../../guide/deleting/", "../../../../guide/deleting/"),
        ("guide/deleting/index.html", "#top", "#top"),
        ("guide/deleting/index.html", "mailto:ana@example.org", "mailto:ana@example.org"),
        ("guide/deleting/index.html", "https://example.org/faq/", "https://example.org/faq/"),
        ("index.html", "spec/", "../../spec/"),
        ("index.html", "faq/", "faq/"),
        ("index.html", ".", "."),
    ],
)
def test_an_address_leads_to_the_site_where_the_guide_has_no_such_page(page: str, address: str, moved: str) -> None:
    for quote in ('"', "'", ""):
        html = f"<a class=x href={quote}{address}{quote}>x</a>"
        assert rebased(html, page, "staging", PAGES) == f"<a class=x href={quote}{moved}{quote}>x</a>"


def test_the_search_is_that_of_the_site() -> None:
    html = '<script>{"base": "../..", "search": "../../assets/search.js"}</script>'
    assert rebased(html, "guide/deleting/index.html", "staging", PAGES) == (
        '<script>{"base": "../../../..", "search": "../../../../assets/search.js"}</script>'
    )


def test_only_pages_of_the_guide_are_moved(tmp_path: Path) -> None:
    for page in ("index.html", "spec/index.html"):
        (tmp_path / "built" / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "built" / page).write_text('<a href="spec/">The spec</a>', "utf-8")
    move(tmp_path / "built", tmp_path / "site", "staging", {"index.html"})
    moved = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert moved == {"site/editions/staging/index.html"}


@pytest.mark.proves("guide-for-another-edition")
def test_there_is_a_choice_only_where_another_edition_has_results() -> None:
    config = find_config(ROOT)
    assert "extra" not in settings(config, "reference", ["reference"], [])
    main = settings(config, "reference", ["reference", "shipped"], ["faq.md"])["extra"]
    assert [(one["name"], one["path"], one["here"]) for one in main["editions"]] == [
        ("Reference", "", True),
        ("As reported", "editions/shipped/", False),
    ]
    assert "edition" not in main
    other = settings(config, "shipped", ["reference", "shipped"], ["faq.md"])["extra"]
    assert [(one["name"], one["path"], one["here"]) for one in other["editions"]] == [
        ("Reference", "../../", False),
        ("As reported", "", True),
    ]
    assert other["edition"]["name"] == "As reported"


def test_only_the_site_itself_needs_all_its_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its build is strict; that of the guide for another edition is not, and is quiet."""
    started = []

    class Build:
        def __init__(self, command: list[str], *, env: dict[str, str], **_: object) -> None:
            started.append((env[EDITION], "--strict" in command, "--quiet" in command))

        def wait(self) -> int:
            return 3

    monkeypatch.setattr(site_builds, "_editions", lambda _: ["reference", "shipped"])
    monkeypatch.setattr("subprocess.Popen", Build)
    assert site_builds.main() == 3
    assert started == [("reference", True, False), ("shipped", False, True)]
    assert not list(ROOT.glob("mkdocs.*.yml"))
