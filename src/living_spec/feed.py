"""The feed of known issues: a JSON Feed (jsonfeed.org, version 1.1) beside their pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from living_spec.issues import Issue
    from living_spec.spec import Spec

FILE = "feed.json"


def write_feed(spec: Spec, issues: tuple[Issue, ...]) -> Path:
    """Write the feed into the folder of the issues, the newest issue first; returns its path."""
    newest = sorted(issues, key=lambda issue: (issue.since, issue.id), reverse=True)
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Known issues",
        "items": [_item(spec, issue) for issue in newest],
    }
    path = spec.config.issues / FILE
    path.write_text(json.dumps(feed, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return path


def _item(spec: Spec, issue: Issue) -> dict[str, object]:
    rules = [rule.id for rule in spec.rules.values() if any(map(issue.about, rule.scenarios))]
    return {
        "id": issue.id,
        "url": f"{issue.id}/",
        "title": issue.title,
        "content_text": f"What to do: {issue.workaround}",
        "date_published": f"{issue.since}T00:00:00Z",
        "tags": ["open" if issue.open else "closed"],
        "_living_spec": {
            "editions": issue.editions,
            "surfaces": issue.surfaces,
            "scenarios": issue.scenarios,
            "rules": rules,
        },
    }
