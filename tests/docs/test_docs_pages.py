"""What every page owes its reader."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from built_site import words

import browser
import debian
from nginx import find_nginx

if TYPE_CHECKING:
    from built_site import Site


def test_every_page_has_one_heading_of_its_own(site: Site) -> None:
    """One h1, and below it no level left out."""
    for page in site.pages.values():
        levels = [
            int(heading.tag[1])
            for heading in page.article.xpath(".//*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5]")
        ]
        assert levels.count(1) == 1, page.path
        assert levels[0] == 1, page.path
        jumps = [(above, below) for above, below in pairwise(levels) if below > above + 1]
        assert jumps == [], page.path


def test_every_page_has_a_title_of_its_own(site: Site) -> None:
    """Tabs and bookmarks tell pages apart."""
    titles = Counter(
        words(page.document.xpath("//title")[0]) for page in site.pages.values() if page.path != "404.html"
    )
    assert "" not in titles
    assert [title for title, count in titles.items() if count > 1] == []


def test_every_page_says_its_language_and_what_it_is_about(site: Site) -> None:
    """For readers of the page aloud, and for those who search."""
    assert [page.path for page in site.pages.values() if not page.document.get("lang")] == []
    assert [
        page.path for page in site.pages.values() if not page.document.xpath("//meta[@name='description']/@content")
    ] == []


def test_every_picture_has_words(site: Site) -> None:
    """An alternative text."""
    pictures = [(page.path, picture) for page in site.pages.values() for picture in page.document.xpath("//img")]
    assert pictures
    assert [path for path, picture in pictures if not picture.get("alt", "").strip()] == []


def test_every_picture_has_its_size(site: Site) -> None:
    """So that a link to a place below it leads there, also before the picture has arrived."""
    pictures = [(page.path, picture) for page in site.pages.values() for picture in page.article.xpath(".//img")]
    assert [path for path, picture in pictures if not (picture.get("width") and picture.get("height"))] == []


def test_no_anchor_is_there_twice(site: Site) -> None:
    """A link leads to one place."""
    for page in site.pages.values():
        ids = [str(found) for found in page.article.xpath(".//@id")]
        assert [anchor for anchor, count in Counter(ids).items() if count > 1] == [], page.path


def test_nothing_on_a_page_is_unproven(site: Site) -> None:
    """No banner, nothing stale, no result but those that a reader can rely on."""
    known = ["holds", "not on this surface", "known issue"]
    without_browser = not browser.find_browser() and not browser.needed()
    without_nginx = not find_nginx() and not debian.needed()
    if without_browser or without_nginx:  # on a reader's machine not all may have been run
        known.append("not run")
    for page in site.pages.values():
        assert [words(title) for title in page.find("admonition-title") if words(title) == "Not proven"] == [], (
            page.path
        )
        results = [words(found) for found in page.find("spec-result")]
        assert [result for result in results if "stale" in result] == [], page.path
        if page.path != "spec/index.html":  # it explains every result there can be
            assert [result for result in results if not result.endswith(tuple(known))] == [], page.path


def test_no_block_is_left_as_it_was_written(site: Site) -> None:
    """Every `:::` line was understood by somebody; in code it may be spoken of."""
    left = ".//text()[contains(., ':::')][not(ancestor::code)]"
    assert [page.path for page in site.pages.values() if page.article.xpath(left)] == []
