"""The feed of known issues: a JSON Feed (jsonfeed.org, version 1.1) beside their pages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from living_spec.issues import Issue
    from living_spec.spec import Spec

FILE = "feed.json"


def write_feed(spec: Spec, issues: tuple[Issue, ...], site_url: str = "") -> Path:
    """Write the feed into the folder of the issues, the newest issue first; returns its path.

    With the address of the site, all addresses are absolute, as readers of feeds want them.
    """
    newest = sorted(issues, key=lambda issue: (issue.since, issue.id), reverse=True)
    pages = spec.config.pages
    folder = spec.config.issues.relative_to(pages).as_posix() if spec.config.issues.is_relative_to(pages) else ""
    base = f"{site_url.rstrip('/')}/{folder}/" if site_url else ""
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Known issues",
        **({"home_page_url": base, "feed_url": base + FILE} if base else {}),
        "items": [_item(spec, issue, base) for issue in newest],
    }
    path = spec.config.issues / FILE
    path.write_text(json.dumps(feed, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return path


def _item(spec: Spec, issue: Issue, base: str) -> dict[str, object]:
    rules = [rule.id for rule in spec.rules.values() if any(map(issue.about, rule.scenarios))]
    surfaces = " and ".join(spec.config.surfaces[surface] for surface in issue.surfaces)
    editions = " and ".join(spec.config.editions[edition].name for edition in issue.editions)
    where = f"{surfaces}, in the edition {editions}"
    state = f"Open since {issue.since}" if issue.open else f"Closed; it was open since {issue.since}"
    return {
        "id": issue.id,
        "url": f"{base}{issue.id}/",
        "title": issue.title,
        "content_text": f"{where}. {state}. What to do: {issue.workaround}",
        "date_published": f"{issue.since}T00:00:00Z",
        "tags": ["open" if issue.open else "closed"],
        "_living_spec": {
            "editions": issue.editions,
            "surfaces": issue.surfaces,
            "scenarios": issue.scenarios,
            "rules": rules,
        },
    }
