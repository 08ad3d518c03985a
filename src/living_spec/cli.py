"""The command `living-spec`: checks the evidence, lints features and pages, and writes what a site needs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from living_spec.config import Config, SpecError, display_path, find_config, unknown, with_register
from living_spec.feed import write_feed
from living_spec.issue_cli import issue, known_issues
from living_spec.issues import read_register
from living_spec.lint import lint as find_problems
from living_spec.prose.facts_cli import facts
from living_spec.prose.signing import sign
from living_spec.report.command import report
from living_spec.results import Freshness, Kind, Proof
from living_spec.serving import serve
from living_spec.spec import read_spec
from living_spec.step_lint import collected_problems
from living_spec.store import publish_pictures, read_proof

_NAMED_AT_MOST = 3
_WORDS = {Kind.FAILS: "failing", Kind.FIXED: Kind.FIXED.value}


@click.group()
def main() -> None:
    """Keep the features, the evidence of their run and the pages together."""


@main.command()
@click.option("--edition", metavar="NAME", help="The edition to check; default: the first one.")
@known_issues
def check(edition: str | None, issues: Path | None) -> None:
    """Check that every scenario has a fresh result on every surface, and exit with 1 if not.

    The first edition needs results on all surfaces, another edition on the surfaces that its open issues name.
    """
    proof, edition = _proof(_config(issues), edition)
    editions = proof.spec.config.editions
    problems: dict[str, list[str]] = {}
    required = proof.required(edition)
    for scenario in proof.spec.scenarios.values():
        for surface in required:
            verdict = proof.scenario(scenario, surface, edition)
            if verdict.unproven:
                word = _WORDS[verdict.kind] if verdict.freshness is Freshness.FRESH else verdict.freshness.value
                problems.setdefault(word, []).append(f"{scenario.id} on {surface}")
    if problems:
        again = f" Run the scenarios: pytest {display_path(tests)}" if (tests := proof.spec.config.tests) else ""
        click.echo(f"The evidence is incomplete: {'; '.join(map(_counted, problems.items()))}.{again}")
        sys.exit(1)
    count = len(proof.spec.scenarios)
    if not count:
        raise SpecError("The features have no scenario, so there is nothing to check. Add one.")
    click.echo(f"The evidence of {editions[edition].name} is fresh: {count} scenarios on {len(required)} surfaces.")


@main.command()
@click.option("--edition", metavar="NAME", help="The edition to run; default: the first one.")
def surfaces(edition: str | None) -> None:
    """Print the surfaces that `check` needs results on, one per line."""
    proof, edition = _proof(_config(), edition)
    for surface in proof.required(edition):
        click.echo(surface)


@main.command()
def pictures() -> None:
    """Copy the pictures of the evidence to the pages, for the builder of the site."""
    publish_pictures(_config())


@main.command()
@known_issues
def lint(issues: Path | None) -> None:
    """Print mistakes in features, steps and pages as FILE:LINE: MESSAGE, and exit with 1 if there are any."""
    config = _config(issues)
    problems = find_problems(config)
    lines = [f"{display_path(problem.path)}:{problem.line}: {problem.sentence}" for problem in problems]
    lines += collected_problems(config.tests) if config.tests else []
    for line in lines:
        click.echo(line)
    if lines:
        sys.exit(1)


@main.command()
@click.option("--site-url", metavar="URL", envvar="SITE_URL", default="", help="The address of the site; or SITE_URL.")
def feed(site_url: str) -> None:
    """Write the feed of known issues, a JSON file in the folder of their pages.

    With the address of the site, its addresses are absolute.
    """
    spec = read_spec(_config())
    click.echo(write_feed(spec, read_register(spec).issues, site_url))


main.add_command(issue)
main.add_command(report)
main.add_command(sign)
main.add_command(facts)
main.add_command(serve)


def _config(issues: Path | None = None) -> Config:
    return with_register(find_config(Path.cwd()), issues)


def _proof(config: Config, edition: str | None) -> tuple[Proof, str]:
    """The proof, and the id of the edition to look at; raises a usage error for an unknown one."""
    proof = read_proof(config)
    edition = edition or config.first_edition
    if edition not in config.editions:
        raise click.UsageError(unknown("edition", edition, config.editions))
    return proof, edition


def _counted(problem: tuple[str, list[str]]) -> str:
    word, names = problem
    more = ", …" if len(names) > _NAMED_AT_MOST else ""
    return f"{len(names)} {word} ({', '.join(names[:_NAMED_AT_MOST])}{more})"
