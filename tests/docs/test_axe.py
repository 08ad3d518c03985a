"""Axe finds no barrier on any page of the site, in either theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from acceptance.surfaces.browsing import Chromium
from browser import missing

if TYPE_CHECKING:
    from built_site import Site


_SCHEMES = {"dark": "slate", "light": "default"}  # what Material calls them; pages open in the light one
_COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that a theme can break
_ASKED: dict[str, object] = {
    "resultTypes": ["violations"],  # describing what is right takes as long as finding it
    "selectors": False,
    "preload": False,  # of media, which the site does not have
}
_ALL_BUT_COLOURS = _ASKED | {"rules": {rule: {"enabled": False} for rule in _COLOURS}}
_ONLY_COLOURS = _ASKED | {"runOnly": _COLOURS}
_RUN = """async (options) => {
  const { violations } = await axe.run(document, options);
  return violations.map(rule => [rule.id, rule.nodes.map(node => node.html.slice(0, 200)).slice(0, 3)]);
}"""
# Axe judges the colours of what can be seen. Most of a page of the spec is folded away, and takes most of its time.
_LEAVE_WHAT_IS_SEEN = "document.querySelectorAll('details:not([open]) > :not(summary)').forEach(each => each.remove())"
# The colours of a text follow from its element and those around it: tags and attributes. Most blocks of text are like
# others there, on this page or on one before, such as the frame of the site. Of those alike, one is left to be judged.
_LEAVE_WHAT_IS_NEW = r"""(before) => {
  const free = /^(href|src|id|title|for|name|alt|datetime|aria-(label|labelledby|controls|describedby))$/;
  const known = new Set(before), paths = new Map([[document.documentElement, ""]]), blocks = new Map();
  const word = ({name, value}) => free.test(name) ? name : `${name}=${value}`;
  const path = each => {
    if (!paths.has(each))
      paths.set(each, `${path(each.parentElement)}>${each.tagName} ${[...each.attributes].map(word).sort()}`);
    return paths.get(each);
  };
  const block = each => getComputedStyle(each).display.startsWith("inline") ? block(each.parentElement) : each;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode, around = text.parentElement;
    if (!text.data.trim() || ["SCRIPT", "STYLE"].includes(around.tagName)) continue;
    const found = block(around);
    blocks.set(found, [...blocks.get(found) ?? [], text]);
  }
  for (const found of blocks.values()) {
    const alike = [...new Set(found.map(text => path(text.parentElement)))].sort().join("\n");
    if (known.has(alike)) found.forEach(text => { text.data = "" });
    known.add(alike);
  }
  return [...known];
}"""
_PARTS = 3  # of the pages, for processes side by side


@pytest.mark.parametrize("part", range(_PARTS))
def test_axe_finds_no_barrier_on_any_page(
    site: Site, address: str, shared_chromium: Chromium | None, part: int
) -> None:
    """In the theme that a reader's system asks for."""
    if shared_chromium is None:
        pytest.skip(missing())
    context = shared_chromium.browser.new_context(reduced_motion="reduce", color_scheme="light")
    page = context.new_page()
    found = {}
    judged: list[str] = []
    for path in sorted(site.pages)[part::_PARTS]:
        page.goto(f"{address}/{path.removesuffix('index.html')}")
        page.evaluate(AXE_SCRIPT)
        problems = _problems(page, _ALL_BUT_COLOURS)
        page.evaluate(_LEAVE_WHAT_IS_SEEN)
        judged = page.evaluate(_LEAVE_WHAT_IS_NEW, judged)
        for theme, scheme in _SCHEMES.items():
            page.emulate_media(color_scheme=theme)
            page.locator(f"body[data-md-color-scheme={scheme}]").wait_for()
            problems += _problems(page, _ONLY_COLOURS)
        if problems:
            found[path] = problems
    context.close()
    assert found == {}


def _problems(page: Page, options: dict[str, object]) -> list[tuple[str, list[str]]]:
    """The rules that the page breaks, and where."""
    violations: list[tuple[str, list[str]]] = page.evaluate(_RUN, options)
    return violations
