"""The feed of known issues."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from living_spec_project import ISSUE

if TYPE_CHECKING:
    from living_spec_project import Project


@pytest.mark.proves("feed-has-every-issue")
def test_the_feed_has_every_issue_newest_first(project: Project) -> None:
    project.write("docs/known-issues/loses-two.md", ISSUE)
    project.write("docs/known-issues/older.md", ISSUE.replace("loses-two", "older").replace("2026", "2025"))
    done = project.living_spec("feed")
    assert done.code == 0, done.output
    feed = json.loads((project.root / "docs/known-issues/feed.json").read_text("utf-8"))
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["id"] for item in feed["items"]] == ["loses-two", "older"]
    assert feed["items"][0]["tags"] == ["open"]
    assert feed["items"][0]["_living_spec"]["rules"] == ["delete-one"]
    assert feed["items"][0]["url"] == "loses-two/"
    assert feed["items"][0]["content_text"].startswith("CLI, in the edition Reference. Open since 2026-03-01. What")


def test_the_feed_of_a_site_with_an_address_is_absolute(project: Project) -> None:
    project.write("docs/known-issues/loses-two.md", ISSUE)
    done = project.living_spec("feed", "--site-url", "https://docs.example.org/grid/")
    assert done.code == 0, done.output
    feed = json.loads((project.root / "docs/known-issues/feed.json").read_text("utf-8"))
    folder = "https://docs.example.org/grid/known-issues/"
    assert (feed["home_page_url"], feed["feed_url"]) == (folder, f"{folder}feed.json")
    assert [item["url"] for item in feed["items"]] == [f"{folder}loses-two/"]
