"""The command `living-spec`: is the evidence fresh, are the features and pages in order, where are the pictures?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from living_spec.config import Config, find_config, shown, with_register
from living_spec.feed import write_feed
from living_spec.issue_cli import issue, known_issues
from living_spec.issues import read_register
from living_spec.lint import lint as find_problems
from living_spec.report.command import report
from living_spec.results import Kind, Proof, Standing
from living_spec.spec import read_spec
from living_spec.step_lint import collected_problems
from living_spec.store import publish_pictures, read_proof

_NAMED_AT_MOST = 3
_WORDS = {Kind.FAILS: "failing", Kind.FIXED: Kind.FIXED.value}


@click.group()
def main() -> None:
    """Keep the features, the evidence of their run and the pages together."""


@main.command()
@click.option("--edition", metavar="NAME", help="The edition to look at; the first one when left out.")
@known_issues
def check(edition: str | None, issues: Path | None) -> None:
    """Say whether every scenario has a fresh result on every surface; exit 1 if not.

    For another edition than the first: on every surface that its open issues name.
    """
    proof, edition = _proof(_config(issues), edition)
    editions = proof.spec.config.editions
    problems: dict[str, list[str]] = {}
    required = proof.required(edition)
    for scenario in proof.spec.scenarios.values():
        for surface in required:
            verdict = proof.scenario(scenario, surface, edition)
            if verdict.unproven:
                word = _WORDS[verdict.kind] if verdict.standing is Standing.FRESH else verdict.standing.value
                problems.setdefault(word, []).append(f"{scenario.id} on {surface}")
    if problems:
        click.echo("The evidence does not stand: " + "; ".join(map(_counted, problems.items())) + ".")
        sys.exit(1)
    count = len(proof.spec.scenarios)
    click.echo(f"The evidence of {editions[edition]} is fresh: {count} scenarios on {len(required)} surfaces.")


@main.command()
@click.option("--edition", metavar="NAME", help="The edition to be run; the first one when left out.")
def surfaces(edition: str | None) -> None:
    """Name the surfaces that an edition must be run on, one a line: for another than the first, those of its issues."""
    proof, edition = _proof(_config(), edition)
    for surface in proof.required(edition):
        click.echo(surface)


@main.command()
def pictures() -> None:
    """Put the pictures of the evidence beside the pages, for the builder of the site."""
    publish_pictures(_config())


@main.command()
@known_issues
def lint(issues: Path | None) -> None:
    """Name what is wrong in the features, steps and pages, as FILE:LINE: SENTENCE; exit 1 if anything is."""
    config = _config(issues)
    problems = find_problems(config)
    lines = [f"{shown(problem.path)}:{problem.line}: {problem.sentence}" for problem in problems]
    lines += collected_problems(config.tests) if config.tests else []
    for line in lines:
        click.echo(line)
    if lines:
        sys.exit(1)


@main.command()
def feed() -> None:
    """Write the feed of known issues, a JSON file beside their pages."""
    spec = read_spec(_config())
    click.echo(write_feed(spec, read_register(spec).issues))


main.add_command(issue)
main.add_command(report)


def _config(issues: Path | None = None) -> Config:
    return with_register(find_config(Path.cwd()), issues)


def _proof(config: Config, edition: str | None) -> tuple[Proof, str]:
    """The proof, and the edition asked for."""
    proof = read_proof(config)
    edition = edition or config.first_edition
    if edition not in config.editions:
        raise click.UsageError(f"There is no edition {edition!r}; known are {', '.join(config.editions)}.")
    return proof, edition


def _counted(problem: tuple[str, list[str]]) -> str:
    word, names = problem
    more = ", …" if len(names) > _NAMED_AT_MOST else ""
    return f"{len(names)} {word} ({', '.join(names[:_NAMED_AT_MOST])}{more})"
