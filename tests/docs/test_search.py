"""Somebody types a question into the search box of the built site, and the page that answers it comes first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from built_site import Site
from playwright.sync_api import Page

from acceptance.surfaces.browsing import Chromium
from browser import missing
from guide.search import ranking

# What a reader types, by the page that answers it.
EXPECTED = {
    "how-to/delete-versions/": (
        "delete",
        "how do I delete a version",
        "remove a version",
        "delete several versions",
        "deleting",
        "dry run",
        "--dry-run",
    ),
    "how-to/after-a-mistake/": (
        "restore",
        "undo a deletion",
        "how do I undo deleting a version",
        "recover a deleted version",
        "deleted the wrong version",
        "trash",
    ),
    "how-to/why-refused/": ("permission", "in use", "why can't I delete", "why was it refused", "locked", "not found"),
    "how-to/make-room/": ("free space", "make room", "quota", "too many versions", "limit of versions"),
    "how-to/scripts/": ("curl", "json", "exit code", "authentication", "python", "automate"),
    "how-to/browser/": ("browser", "web ui", "which button"),
    "get-started/": ("install", "quick start", "tutorial"),
    "how-to/create-versions/": ("upload", "create a version"),
    "how-to/resume-an-upload/": ("resume an upload", "interrupted"),
    "how-to/buckets/": ("S3", "bucket"),
    "how-to/archives/": ("zip",),
    "how-to/download-versions/": ("download",),
    "how-to/history/": ("audit log",),
    "how-to/sessions/": ("pause a session",),
    "how-to/runs/": ("cancel a run",),
    "how-to/sign-in/": ("log in", "GRID_URL"),
    "how-to/manage-users/": (
        "remove a user",
        "add a user",
        "rotate keys",
        "revoke access",
        "new api key",
        "signing key",
    ),
    "how-to/back-up/": ("backup", "restore a backup", "disk died", "catalog lost", "corrupted database"),
    "how-to/upload-failed/": ("upload failed", "file too large", "too many files"),
    "why/threat-model/": ("threat model", "security", "what is protected"),
    "why/how-it-is-tested/": ("how is it tested", "fuzzing"),
    "why/performance/": ("how fast", "benchmark"),
    "reference/api/": ("503", "206", "etag", "nextPageToken", "pagination"),
    "known-issues/": ("rss", "known bugs"),
    "reference/configuration/": ("environment variables",),
    "reference/errors/": ("error message",),
    "your-server/": ("staging",),
    "changelog/": ("changelog",),
    "faq/": ("price",),
}


@pytest.fixture
def page(address: str, shared_chromium: Chromium | None) -> Iterator[Page]:
    """A page of the site in a browser that has not been there yet."""
    if shared_chromium is None:
        pytest.skip(missing())
    context = shared_chromium.browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/faq/")
    yield page
    context.close()


def test_the_page_that_answers_a_question_comes_first(page: Page, address: str) -> None:
    """Each question is asked through Material's own search."""
    found = {question: _first(page, question) for questions in EXPECTED.values() for question in questions}
    wanted = {question: f"{address}/{path}" for path, questions in EXPECTED.items() for question in questions}
    assert {question: first for question, first in found.items() if first != wanted[question]} == {}


def test_a_search_needs_no_mouse(page: Page, address: str) -> None:
    """A key opens the box; the best answer opens with Enter; Escape closes it."""
    box = page.get_by_role("textbox", name="Search")
    page.keyboard.press("/")
    page.keyboard.type("configuration")
    page.locator(".md-search-result__link").first.wait_for()
    page.keyboard.press("Escape")
    assert not box.evaluate("box => box === document.activeElement")
    page.keyboard.press("/")
    page.keyboard.type(" variables")
    page.locator(".md-search-result__link[href*='reference/configuration/']").first.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/reference/configuration/**")


def test_an_answer_shows_no_results_of_the_run(page: Page) -> None:
    """The labels beside the rules repeat on every page."""
    _first(page, "version")
    said = page.locator(".md-search-result__list").inner_text()
    assert "✓" not in said
    assert "Web UI holds" not in " ".join(said.split())


def test_what_is_ranked_exists(site: Site) -> None:
    """Each address of `search.toml` is one of a page or of pages."""
    ranked = ranking()
    assert [address for address in ranked.words if f"{address}index.html" not in site.pages] == []
    assert [begin for begin in ranked.boost if not any(path.startswith(begin) for path in site.pages)] == []


def _first(page: Page, question: str) -> str:
    """The address of the first answer."""
    box, results = page.get_by_role("textbox", name="Search"), page.locator(".md-search-result__link")
    for typed in ("", question):
        box.fill(typed)
        box.press("End")  # Material reads the box when a key is released
        results.first.wait_for(state="attached" if typed else "detached")
    return str(results.first.evaluate("link => new URL(link.href).origin + new URL(link.href).pathname"))
