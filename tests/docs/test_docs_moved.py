"""Old addresses lead to pages and anchors of today."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from built_site import Page, Site

# The pages of the guide at 179e69b, with their anchors.
_OLD = {
    "guide/overview/": "words the-life-of-a-version numbers what-a-version-promises whose-versions-are-they"
    " where-the-commands-work using-the-ui",
    "guide/creating/": "upload-files what-is-kept-of-a-file what-can-go-wrong names from-the-web-or-a-bucket an-archive"
    " a-bucket a-bucket-without-a-copy when-it-is-interrupted how-many using-the-ui using-the-api",
    "guide/inspecting/": "your-versions one-version its-files download what-can-go-wrong how-many-versions-you-have"
    " history what-is-left-of-a-deleted-version for-programs using-the-ui",
    "guide/attaching/": "session-or-run what-can-be-attached what-it-holds see-who-uses-a-version release-it"
    " using-the-ui using-the-api",
    "guide/sessions/": "start-one pause-and-resume release-what-it-holds see-them using-the-ui",
    "guide/runs/": "start-one what-it-holds how-it-ends when-its-process-dies using-the-ui using-the-api",
    "guide/deleting-datastores/": "deleting-datastores can-i-delete-this-version name-and-version"
    " versions-are-independent versions-in-use"
    " using-the-cli when-it-is-refused a-session-uses-it a-paused-session-uses-it it-is-already-deleted"
    " it-never-existed the-version-is-left-out what-can-go-wrong using-the-ui choose-the-version read-what-it-asks"
    " keep-the-receipt when-the-version-is-in-use using-the-api",
}
# Pages that are where they were.
_KEPT = {
    "faq/": "datastore-charging-and-limits how-much-disk-space-does-a-version-need can-i-undo-a-deletion"
    " does-deleting-version-1-touch-version-2 are-there-copies-of-a-deleted-version why-is-a-number-missing"
    " can-i-delete-all-versions-of-a-name-at-once what-if-the-commands-answer-got-lost"
    " can-somebody-else-delete-my-versions two-people-used-one-folder-and-saw-different-versions"
    " can-somebody-elses-session-keep-my-version where-is-my-data-without-a-server",
    "reference/cli/": "through-a-proxy completion grid-datastore-delete",
    "reference/api/": "sign-in delete-a-version when-it-is-refused sessions-and-runs phases-and-sources limits",
    "reference/operations/": "",
    "reference/errors/": "every-reason datastore-in-use",
    "reference/configuration/": "variables behind-a-reverse-proxy back-up-and-restore",
    "spec/": "how-to-read-it results every-rule-on-every-surface",
    "spec/coverage/": "",
    "team/": "known-issues editions",
    "known-issues/": "",
    "your-server/": "aim-it read-the-result",
    "contributing/": "",
    "writing/": "",
    "changelog/": "",
}


@pytest.mark.parametrize("old", _OLD)
def test_an_old_page_and_each_of_its_anchors_lead_somewhere(site: Site, old: str) -> None:
    """By the script of the page, and without it to the page."""
    page = site.moved[f"{old}index.html"]
    [link] = page.document.xpath("//body//a/@href")
    assert f'content="0; url={link}"' in (site.folder / page.path).read_text("utf-8")
    _exists(site, page, link)
    places = _places(page)
    for anchor in _OLD[old].split():
        _exists(site, page, places.get(anchor, f"{link}#{anchor}"))


def test_a_page_that_is_where_it_was_has_its_anchors(site: Site) -> None:
    """No link from elsewhere breaks."""
    for old, anchors in _KEPT.items():
        assert [anchor for anchor in anchors.split() if anchor not in site.page(old).ids] == [], old


def _places(page: Page) -> dict[str, str]:
    """Where the script sends anchors."""
    found = re.search(r"const places = (\{.*?\}),", page.document.xpath("string(//script)"), re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def _exists(site: Site, page: Page, address: str) -> None:
    file, anchor = site.resolve(page, address)
    found = site.pages[file.relative_to(site.folder).as_posix()]
    assert not anchor or anchor in found.ids, address
