"""The guide for other editions: below the site, marked, and one click away from the same page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from built_site import read_pages, words

from living_spec.config import find_config
from living_spec.store import read_proof

if TYPE_CHECKING:
    from built_site import Page, Site


@pytest.fixture(scope="module")
def others(request: pytest.FixtureRequest) -> dict[str, str]:
    """The editions with evidence beside the first one, id -> name."""
    config = find_config(request.config.rootpath)
    proof = read_proof(config)
    return {
        id_: one.name for id_, one in config.editions.items() if id_ != config.first_edition and proof.run_here(id_)
    }


@pytest.fixture(scope="module")
def guides(site: Site, others: dict[str, str]) -> dict[str, dict[str, Page]]:
    """The pages of each of them."""
    return {id_: read_pages(site.folder, Path("editions") / id_) for id_ in others}


def test_the_guide_of_an_edition_has_every_page_of_the_guide(site: Site, guides: dict[str, dict[str, Page]]) -> None:
    """And no page of the spec."""
    guide = {path for path, page in site.pages.items() if page.is_guide and path != "404.html"}
    for id_, pages in guides.items():
        assert {path.removeprefix(f"editions/{id_}/") for path in pages} == guide


def test_each_page_leads_to_the_same_page_for_another_edition(
    site: Site, others: dict[str, str], guides: dict[str, dict[str, Page]]
) -> None:
    """From the site to the edition and back; without another edition there is no choice."""
    for path, page in site.pages.items():
        links = page.document.xpath("//details[contains(@class, 'editions')]//a")
        if path == "404.html" or not others:
            assert links == [], path
            continue
        for link, id_ in zip(links[1:], others, strict=True):
            file = site.resolve(page, link.get("href"))[0]
            home = f"editions/{id_}/{path if page.is_guide else 'index.html'}"
            assert file == site.folder / home
            back = guides[id_][home].document.xpath("//details[contains(@class, 'editions')]//a")[0]
            expected = path if page.is_guide else "index.html"
            assert site.resolve(guides[id_][home], back.get("href"))[0] == site.folder / expected


def test_each_page_of_another_edition_says_so_first(others: dict[str, str], guides: dict[str, dict[str, Page]]) -> None:
    """In a banner, with what the edition is."""
    for id_, pages in guides.items():
        for page in pages.values():
            [banner] = page.document.xpath("//aside[@class='edition-banner']")
            assert words(banner).startswith(f"You are reading the guide for the edition {others[id_]}: the")


def test_every_address_on_these_pages_leads_somewhere(site: Site, guides: dict[str, dict[str, Page]]) -> None:
    """To a page of the edition, or to the site around it."""
    known = site.pages | {path: page for pages in guides.values() for path, page in pages.items()}
    broken = []
    for page in (page for pages in guides.values() for page in pages.values()):
        for address in page.addresses:
            if ":" in address or address.startswith("//"):
                continue
            file, anchor = site.resolve(page, address)
            path = file.relative_to(site.folder).as_posix() if site.folder in file.parents else ""
            if not file.is_file() or (anchor and file.suffix == ".html" and anchor not in known[path].ids):
                broken.append((page.path, address))
    assert broken == []
