"""The command `living-spec`: is the evidence fresh, and are the features and pages in order?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from living_spec.config import Config, SpecError, find_config
from living_spec.lint import lint as find_problems
from living_spec.results import Kind, Standing
from living_spec.store import read_proof

_NAMED_AT_MOST = 3


@click.group()
def main() -> None:
    """Keep the features, the evidence of their run and the pages together."""


@main.command()
def check() -> None:
    """Say whether every scenario has a fresh result on every surface; exit 1 if not."""
    try:
        proof = read_proof(_config())
    except SpecError as error:
        raise click.ClickException(str(error)) from error
    edition = proof.spec.config.first_edition
    problems: dict[str, list[str]] = {}
    for scenario in proof.spec.scenarios.values():
        for surface in proof.spec.config.surfaces:
            verdict = proof.scenario(scenario, surface, edition)
            if verdict.unproven:
                failing = verdict.standing is Standing.FRESH and verdict.kind is Kind.FAILS
                word = "failing" if failing else verdict.standing.value
                problems.setdefault(word, []).append(f"{scenario.id} on {surface}")
    if problems:
        click.echo("The evidence does not stand: " + "; ".join(map(_counted, problems.items())) + ".")
        sys.exit(1)
    count = len(proof.spec.scenarios)
    click.echo(f"The evidence is fresh: {count} scenarios on {len(proof.spec.config.surfaces)} surfaces.")


@main.command()
def lint() -> None:
    """Name what is wrong in the features and pages, as FILE:LINE: SENTENCE; exit 1 if anything is."""
    config = _config()
    try:
        problems = find_problems(config)
    except SpecError as error:
        raise click.ClickException(str(error)) from error
    for problem in problems:
        click.echo(f"{problem.path.relative_to(config.root)}:{problem.line}: {problem.sentence}")
    if problems:
        sys.exit(1)


def _config() -> Config:
    try:
        return find_config(Path.cwd())
    except SpecError as error:
        raise click.ClickException(str(error)) from error


def _counted(problem: tuple[str, list[str]]) -> str:
    word, names = problem
    more = ", …" if len(names) > _NAMED_AT_MOST else ""
    return f"{len(names)} {word} ({', '.join(names[:_NAMED_AT_MOST])}{more})"
