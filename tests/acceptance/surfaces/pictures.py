"""Pictures of pages, for the guide: with names that are the same in every run, in both themes, marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Locator, Page

from living_spec.recorder import Recorder

# The scenarios whose pages the guide shows, of one edition: every picture takes its time.
PICTURED = {
    "delete-two-of-four",
    "session-uses-it",
    "already-deleted",
    "uploads-are-counted",
    "paused",
    "no-byte-left",
    "address-shown",
    "mounted-shown",
    "run-canceled",
    "over-the-quota",
}
# As in transcripts, a picture shows names and folders that are the same in every run.
_SHOW = """(names) => {
  window.realTexts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    window.realTexts.push([walker.currentNode, walker.currentNode.data]);
    for (const [real, shown] of names) walker.currentNode.data = walker.currentNode.data.replaceAll(real, shown);
  }
}"""
_SHOW_REAL = "() => window.realTexts.forEach(([node, text]) => { node.data = text; })"
# A frame around what the reader presses next. It takes no room, and its colour stands out in both themes.
_MARK = """(pressed) => {
  pressed.style.outline = "3px solid #e8590c";
  pressed.style.outlineOffset = "4px";
  pressed.style.boxShadow = "0 0 0 12px rgb(232 89 12 / 22%)";
  pressed.style.borderRadius = "4px";
}"""
_UNMARK = "(pressed) => pressed.removeAttribute('style')"


def take(evidence: Recorder, page: Page, label: str, names: Mapping[str, str], pressed: Locator | None) -> None:
    """Two pictures of the page, light and dark, with these names shown for the real ones, and `pressed` marked."""
    with _marked(pressed), _renamed(page, names):
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            evidence.screenshot(f"{label} ({theme})", page.screenshot(full_page=True))
        page.emulate_media(color_scheme="light")


@contextmanager
def _renamed(page: Page, names: Mapping[str, str]) -> Iterator[None]:
    page.evaluate(_SHOW, sorted(names.items(), key=lambda pair: len(pair[0]), reverse=True))
    yield
    page.evaluate(_SHOW_REAL)


@contextmanager
def _marked(pressed: Locator | None) -> Iterator[None]:
    element = pressed.element_handle() if pressed else None
    if element:
        element.evaluate(_MARK)
    yield
    if element:
        element.evaluate(_UNMARK)
