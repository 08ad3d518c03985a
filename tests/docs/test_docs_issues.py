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
    """The list links to it, its page tells the facts, the feed has its id."""
    issues = read_register(read_spec(find_config(request.config.rootpath))).issues
    feed = json.loads((site.folder / "known-issues" / "feed.json").read_text("utf-8"))
    assert {item["id"] for item in feed["items"]} == {issue.id for issue in issues}
    listed = site.page("known-issues/").article
    for issue in issues:
        assert listed.xpath(f".//td/a[@href='{issue.id}/']"), issue.id
        assert words(site.page(f"known-issues/{issue.id}/").article).startswith(issue.title)


def test_an_open_issue_warns_on_every_page_that_cites_its_rules(site: Site, request: pytest.FixtureRequest) -> None:
    """Beside the rule's sentence."""
    spec = read_spec(find_config(request.config.rootpath))
    for issue in read_register(spec).issues:
        for rule in spec.rules.values():
            if not issue.open or not any(map(issue.about, rule.scenarios)):
                continue
            for page in site.pages.values():
                for sentence in page.find("spec-rule"):
                    if words(sentence) == rule.sentence:
                        beside = words(sentence.getnext().getnext())
                        assert issue.title in beside, (page.path, rule.id)
