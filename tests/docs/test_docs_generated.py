"""What is made from the software is on the site, whole: refusals, variables, requests, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from built_site import words

from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.model import Phase
from grid_datastores.settings import VARIABLES, Part
from guide.messages import messages
from guide.refusals import OF_COMMANDS

if TYPE_CHECKING:
    from built_site import Site

PICTURES = [("why/in-use/", "Can I delete this version?"), ("why/versions/", "The life of a version")]


def test_the_catalogue_has_every_refusal_with_what_to_do(site: Site) -> None:
    """A heading each, what it says, and the codes."""
    page = site.page("reference/errors/")
    for kind in Refusal.__subclasses__():
        [heading] = page.article.xpath(f".//h3[@id='{kind.reason.lower().replace('_', '-')}']")
        assert words(heading) == kind.reason
        text = words_until_next(heading)
        assert "What to do:" in text
        status = "" if kind in OF_COMMANDS else f" · HTTP status {kind.status} · code {kind.code}"
        assert f"Exit code {kind.exit_code}{status}" in text
        assert "For example:" in text, kind.reason


def test_the_catalogue_says_what_the_software_says(site: Site) -> None:
    """Every message of the examples, which the software gives."""
    text = words(site.page("reference/errors/").article)
    for said in messages().values():
        for message in said:
            assert " ".join(message.split()) in text


def test_the_configuration_has_every_variable(site: Site) -> None:
    """Each once, below the heading of its part, with its default."""
    page = site.page("reference/configuration/")
    shown = [
        (words(table.xpath("preceding::h3[1]")[0]), *map(words, row.xpath("td")))
        for table in page.article.xpath(".//table[.//th[1]='Variable']")
        for row in table.xpath(".//tr[td]")
    ]
    assert [(part, name) for part, name, *_ in shown] == [
        (part, variable.name) for part in Part for variable in VARIABLES if variable.part is part
    ]
    assert all(meaning and unset for _part, _name, meaning, unset, _example in shown)


def test_every_request_has_its_section(site: Site) -> None:
    """The same as at /openapi.json."""
    from guide.operations import openapi

    headings = [words(heading) for heading in site.page("reference/operations/").article.xpath(".//h3")]
    known = [f"{method.upper()} {path}" for path, methods in openapi()["paths"].items() for method in methods]
    assert sorted(headings) == sorted(known)
    assert len(known) > 20


@pytest.mark.parametrize(("path", "title"), PICTURES)
def test_a_picture_is_drawn_with_words_for_those_who_hear_it(site: Site, path: str, title: str) -> None:
    """Its title and description, and text that is text."""
    [picture] = site.page(path).article.xpath(".//*[local-name()='svg'][@role='img']")
    named = [picture.xpath(f".//*[@id='{id_}']")[0] for id_ in picture.get("aria-labelledby").split()]
    assert [found.tag for found in named] == ["title", "desc"]
    assert words(named[0]) == title
    assert len(words(named[1])) > 80
    assert len(picture.xpath(".//*[local-name()='text']")) > 5
    assert not picture.xpath(".//@href | .//*[local-name()='image']")


def test_the_life_of_a_version_has_every_phase(site: Site) -> None:
    """And the questions before a deletion name refusals that there are."""
    text = words(site.page("why/versions/").article.xpath(".//*[local-name()='svg'][@role='img']")[0])
    assert [phase for phase in Phase if phase not in text] == []


def test_the_tabs_of_all_pages_are_linked(site: Site) -> None:
    """So that the theme remembers the choice."""
    page = site.page("how-to/delete-versions/")
    labels = [words(label) for label in page.article.xpath(".//div[contains(@class, 'tabbed-labels')]/label")]
    assert labels[:1] == ["CLI"]
    assert "API" in labels
    assert "content.tabs.link" in page.document.xpath("string(//script[@id='__config'])")


def words_until_next(heading: object) -> str:
    """The text below a heading of a refusal, up to the next one."""
    parts = []
    for element in heading.itersiblings():  # type: ignore[attr-defined]
        if element.tag in ("h2", "h3"):
            break
        parts.append(words(element))
    return " ".join(parts)
