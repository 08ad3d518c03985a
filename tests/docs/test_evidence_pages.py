"""The evidence of a scenario is one step away from it: in its fold, and on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from built_site import Page, Site, words
from lxml import html
from playwright.sync_api import BrowserContext

from acceptance.surfaces.browsing import Chromium
from browser import missing
from guide.evidence_pages import FOLDER
from living_spec.features import Feature

_MOST = 300_000  # bytes, with the two style sheets and without pictures


@pytest.fixture
def context(shared_chromium: Chromium | None, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser profile, with scripts unless the test says otherwise."""
    if shared_chromium is None:
        pytest.skip(missing())
    scripts = getattr(request, "param", True)
    context = shared_chromium.browser.new_context(java_script_enabled=scripts, color_scheme="light")
    yield context
    context.close()


def test_every_fold_of_evidence_leads_to_a_page_that_is_whole(site: Site) -> None:
    """With what the fold would show, and with links that lead somewhere."""
    folds = [(page, fold) for page in site.pages.values() for fold in page.find("spec-evidence")]
    files = set(site.folder.rglob(f"{FOLDER}/*/index.html"))
    assert len(folds) == len(files) > 50
    lost = []
    for page, fold in folds:
        [link] = fold.xpath("./p/a/@href")
        file, _ = site.resolve(page, link)
        files.remove(file)
        evidence = Page(file.relative_to(site.folder).as_posix(), html.parse(str(file)).getroot())
        assert evidence.article.xpath(".//details[@class='spec-evidence']/summary"), evidence.path
        found = (site.resolve(evidence, address) for address in evidence.addresses if ":" not in address)
        lost += [(evidence.path, str(target)) for target, _ in found if not target.is_file()]
    assert lost == []


def test_no_page_of_evidence_is_heavy(site: Site) -> None:
    """As heavy as a page may be, without its pictures."""
    sheets = sum(file.stat().st_size for file in site.folder.rglob("assets/**/*.css"))
    weights = {str(file): file.stat().st_size + sheets for file in site.folder.rglob(f"{FOLDER}/*/index.html")}
    assert weights
    assert {path: weight for path, weight in weights.items() if weight > _MOST} == {}


def test_a_fold_shows_its_evidence_when_it_is_opened(address: str, context: BrowserContext) -> None:
    """Commands and pictures, and no link that is not needed any more."""
    page = context.new_page()
    page.goto(f"{address}/spec/deleting/")
    fold = page.locator("#scenario-delete-two-of-four ~ details.spec-evidence").first
    fold.locator("summary").first.press("Enter")
    fold.get_by_text("CLI", exact=True).click()
    fold.get_by_text("grid datastore delete --name my-training-data --version 1").first.wait_for()
    fold.get_by_text("Web UI", exact=True).click()
    picture = fold.locator("img[src$='#only-light']").first
    picture.scroll_into_view_if_needed()
    picture.evaluate("picture => picture.decode()")
    assert not fold.get_by_role("link", name="Evidence of this scenario").count()


@pytest.mark.parametrize("context", [False], indirect=True)
def test_without_scripts_the_evidence_is_a_click_away(address: str, context: BrowserContext) -> None:
    """The link in the fold leads to it."""
    page = context.new_page()
    page.goto(f"{address}/spec/deleting/")
    fold = page.locator("#scenario-delete-two-of-four ~ details.spec-evidence").first
    fold.locator("summary").click()
    fold.get_by_role("link", name="Evidence of this scenario").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Evidence: Keep the versions you are happy with"
    page.get_by_role("link", name="The scenario and its results").click()
    page.wait_for_url(f"{address}/spec/deleting/#scenario-delete-two-of-four")


def test_a_page_of_evidence_has_the_theme_that_the_reader_chose(address: str, context: BrowserContext) -> None:
    """The one of the system, or else the one of the button on another page."""
    page = context.new_page()
    shown = page.locator("body[data-md-color-scheme=slate]")
    page.goto(f"{address}/spec/deleting/{FOLDER}/delete-two-of-four/")
    assert not shown.count()
    page.emulate_media(color_scheme="dark")
    page.reload()
    assert shown.count()
    page.emulate_media(color_scheme="light")
    page.goto(f"{address}/faq/")
    for _ in range(2):  # from the theme of the system to light, and then to dark
        page.locator("form[data-md-component=palette] label:visible").click()
    shown.wait_for()
    page.goto(f"{address}/spec/deleting/{FOLDER}/delete-two-of-four/")
    assert shown.count()


def test_axe_finds_no_barrier_on_a_page_of_evidence(address: str, context: BrowserContext) -> None:
    """All these pages come from one template. This one has commands, requests and pictures."""
    page = context.new_page()
    page.goto(f"{address}/spec/deleting/{FOLDER}/delete-two-of-four/")
    for fold in page.locator("summary").all():
        fold.click()
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]][:2]) for rule in found] == []


def test_the_page_of_the_evidence_is_named_after_its_scenario(site: Site, features: tuple[Feature, ...]) -> None:
    """So that it can be told from others among the reader's tabs."""
    names = {scenario.id: scenario.name for feature in features for scenario in feature.scenarios}
    for file in site.folder.rglob(f"{FOLDER}/*/index.html"):
        [title] = html.parse(str(file)).getroot().xpath("//title")
        assert words(title) == f"Evidence: {names[file.parent.name]}"
