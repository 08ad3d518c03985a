"""Known issues on the site: the list, the warnings, and the feed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from built_site import words

from living_spec.config import find_config
from living_spec.issues import read_register
from living_spec.spec import read_spec

if TYPE_CHECKING:
    import pytest
    from built_site import Site


def test_every_known_issue_is_listed_has_its_page_and_is_in_the_feed(
    site: Site, request: pytest.FixtureRequest
) -> None:
    """The list links to it and says since when, its page tells the facts, the feed has its id."""
    issues = read_register(read_spec(find_config(request.config.rootpath))).issues
    feed = json.loads((site.folder / "known-issues" / "feed.json").read_text("utf-8"))
    assert {item["id"] for item in feed["items"]} == {issue.id for issue in issues}
    listed = site.page("known-issues/").article
    for issue in issues:
        [title] = listed.xpath(f".//p[a[@href='{issue.id}/']]")
        assert f"since {issue.since}" in words(title.getnext())
        page = site.page(f"known-issues/{issue.id}/")
        assert words(page.article).startswith(issue.title)
        assert page.find("spec-rule"), issue.id


def test_every_page_names_the_feed(site: Site) -> None:
    """So that readers of feeds find it."""
    for page in site.pages.values():
        [link] = page.document.xpath("//head/link[@type='application/feed+json']/@href")
        assert page.path == "404.html" or site.resolve(page, link)[0] == site.folder / "known-issues" / "feed.json"


def test_an_open_issue_is_told_once_on_each_page_of_the_spec_with_its_rules(
    site: Site, request: pytest.FixtureRequest
) -> None:
    """The first of its rules tells it; the others link there. Guides speak of their own edition only."""
    spec = read_spec(find_config(request.config.rootpath))
    opened = [issue for issue in read_register(spec).issues if issue.open]
    told = set()
    for page in site.pages.values():
        boxes = page.find("spec-issue")
        if page.is_guide:
            assert boxes == [], page.path
        rules = [rule for rule in spec.rules.values() if rule.id in page.ids]
        wanted = [issue for rule in rules for issue in opened if any(map(issue.about, rule.scenarios))]
        assert [words(box.xpath(".//a")[0]) for box in boxes] == [issue.title for issue in wanted], page.path
        for number, (box, issue) in enumerate(zip(boxes, wanted, strict=True)):
            first = issue not in wanted[:number]
            assert box.get("id") == (f"issue-{issue.id}" if first else None), page.path
            assert ("What to do" in words(box)) is first, page.path
            told.add(issue.id)
    assert told == {issue.id for issue in opened}
