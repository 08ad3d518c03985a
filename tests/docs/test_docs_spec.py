"""Pages say what the features say, and show what the run recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from built_site import words

if TYPE_CHECKING:
    from built_site import Page, Site

    from living_spec.features import Feature, Rule


def test_every_rule_stands_on_one_page_of_the_spec_in_the_words_of_its_feature(
    site: Site, features: tuple[Feature, ...]
) -> None:
    """Under an anchor that is its id."""
    for feature in features:
        page = site.page(f"spec/{feature.name}/")
        for rule in feature.rules:
            assert [words(heading) for heading in page.article.xpath(f".//h3[@id='{rule.id}']")] == [rule.sentence]
            assert [other.path for other in site.pages.values() if rule.id in other.ids] == [page.path]


def test_every_scenario_stands_on_the_page_of_its_feature(site: Site, features: tuple[Feature, ...]) -> None:
    """Under an anchor that is its id."""
    for feature in features:
        ids = site.page(f"spec/{feature.name}/").ids
        assert [scenario.id for scenario in feature.scenarios if f"scenario-{scenario.id}" not in ids] == []


def test_every_rule_is_cited_in_the_guide(site: Site, features: tuple[Feature, ...]) -> None:
    """In its own words, with a link to where it stands."""
    guide = [page for page in site.pages.values() if page.is_guide]
    assert guide
    for rule in (rule for feature in features for rule in feature.rules):
        assert any(_cites(page, rule) for page in guide), f"no page of the guide cites {rule.id}"


def test_the_matrix_has_every_rule(site: Site, features: tuple[Feature, ...]) -> None:
    """One row each."""
    links = {str(link).rpartition("#")[2] for link in site.page("spec/").article.xpath(".//table//a/@href")}
    assert {rule.id for feature in features for rule in feature.rules} <= links


def test_the_guide_shows_the_commands_of_the_page_and_their_real_answers(site: Site) -> None:
    """What is typed, what is answered, in this order, in one block."""
    shown = _transcripts(site.page("how-to/delete-versions/"))
    command = "$ grid datastore delete --name my-training-data --version 1 --version 3\n"
    assert shown[0].startswith(command), "the command comes first"
    deleted = [line for line in shown[0].splitlines() if line.startswith("Deleted version")]
    assert [line.partition(":")[0] for line in deleted] == [
        f"Deleted version {number} of my-training-data" for number in (1, 3)
    ]


def test_the_guide_shows_every_refusal(site: Site) -> None:
    """As the command line told it to the run."""
    shown = words(site.page("how-to/why-refused/").article)
    for answer in (
        "is in use by Session tuning (running since",
        "is in use by Run nightly (running since",
        "was already deleted on",
        "There is no version 9 of my-training-data",
        "Missing option '--version'",
    ):
        assert answer in shown


def _cites(page: Page, rule: Rule) -> bool:
    return any(
        words(sentence).rstrip(".") == rule.sentence
        and any(str(link).endswith(f"#{rule.id}") for link in sentence.getparent().xpath(".//small//a/@href"))
        for sentence in page.find("spec-said")
    )


def _transcripts(page: Page) -> list[str]:
    return [block.text_content() for block in page.find("language-console")]
