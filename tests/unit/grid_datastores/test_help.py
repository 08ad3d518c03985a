"""The links from the pages to the guide, if the server knows where the guide is."""

from __future__ import annotations

import re

import pytest
from in_process import Browser
from listed import listed

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.model import Source, SourceKind, User, WorkloadKind
from grid_datastores.service import Service
from grid_datastores.settings import read_settings
from grid_datastores.storage import Manifest

GUIDE = "https://docs.example/grid/"
DELETE = "/datastores/data/versions/1/delete"


def _links(page: str) -> dict[str, str]:
    """The links to the guide, by their text."""
    return {text: address for address, text in re.findall(rf'href="({GUIDE}[^"]*)">([^<]+)</a>', page)}


@pytest.fixture
def pages(service: Service, ana: User) -> Browser:
    """Ana at a server that knows where the guide is, with version 1 of `data`."""
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    service.uploads.publish(ana, begun.id, Manifest.of([]))
    return Browser(service, ana, GUIDE)


@pytest.mark.proves("pages-lead-to-the-guide")
def test_every_page_leads_to_the_guide(service: Service, pages: Browser) -> None:
    stranger = Browser(service, None, GUIDE)
    shown = [pages.get(path) for path in ("/", "/upload", "/workloads", "/datastores/data/versions/1")]
    shown += [pages.send("GET", "/nope").text, stranger.get("/sign-in"), stranger.press("/sign-in").text]
    shown += [stranger.send("GET", "/sign-in/guess").text]
    for page in shown:
        assert _links(page).get("Help") == GUIDE


def test_the_pages_of_deletion_and_quota_lead_to_what_helps_there(service: Service, ana: User, pages: Browser) -> None:
    assert _links(pages.get(DELETE)) == {"Help": GUIDE, "Delete versions": f"{GUIDE}how-to/delete-versions/"}
    version = listed(service, ana)[0]
    service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {version.id: ""})
    refused = {"Help": GUIDE, "Why a deletion is refused": f"{GUIDE}how-to/why-refused/"}
    assert _links(pages.get(DELETE)) == refused
    assert _links(pages.get("/upload")) == {"Help": GUIDE}
    service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))  # the quota is two
    room = {"Help": GUIDE, "Make room for a new version": f"{GUIDE}how-to/make-room/"}
    assert _links(pages.get("/upload")) == room


def test_without_the_address_of_the_guide_no_page_leads_to_it(service: Service, ana: User, pages: Browser) -> None:
    version = listed(service, ana)[0]
    service.workloads.start(ana, WorkloadKind.SESSION, "tuning", {version.id: ""})
    browser = Browser(service, ana)
    for page in [browser.get(path) for path in ("/", DELETE, "/upload")] + [Browser(service).get("/sign-in")]:
        assert "Help" not in page
        assert "how-to" not in page


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://docs.example/grid/", "https://docs.example/grid/"),
        ("https://docs.example/Grid", "https://docs.example/Grid/"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001/"),
        ("https://[::1]:8443/a%20b//", "https://[::1]:8443/a%20b/"),
    ],
)
def test_the_address_of_the_guide_ends_with_a_slash(monkeypatch: pytest.MonkeyPatch, given: str, used: str) -> None:
    monkeypatch.setenv("GRID_GUIDE_URL", given)
    assert read_settings().guide_url == used


@pytest.mark.parametrize(
    "given",
    [
        "docs.example/grid/",
        "javascript:alert(1)",
        "//docs.example",
        "https://docs.example/?a",
        "https://docs.example/#a",
        "https://ana:key@docs.example/",
        'https://docs.example/"',
        "https://[1]/",
        "https://docs.example:65536/",
        "https:///grid",
    ],
)
def test_what_is_no_address_of_a_site_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("GRID_GUIDE_URL", given)
    with pytest.raises(InvalidInput, match="GRID_GUIDE_URL is not an address of a site"):
        read_settings()
