"""`living-spec facts`: whether the tests that prove facts of the pages were run on the present sources, and passed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from living_spec.config import find_config
from living_spec.prose.facts import by_fact, fact_digests, judge_test, proving_tests, read_results
from living_spec.results import Freshness, Kind


@click.command()
def facts() -> None:
    """Check that every test that proves a fact has a fresh result and passed, and exit with 1 if not."""
    config = find_config(Path.cwd())
    tests = proving_tests(config)
    if not tests:
        click.echo("No test proves a fact.")
        return
    digests, results = fact_digests(config, tests), read_results(config)
    verdicts = {test.name: judge_test(results.get(test.name), digests[test.name]) for test in tests}
    unproven = {name: verdict for name, verdict in verdicts.items() if not verdict.proves}
    for name, verdict in unproven.items():
        fresh = verdict.kind is Kind.FAILS or verdict.freshness is Freshness.FRESH
        click.echo(f"{name}: {verdict.kind.value if fresh else verdict.freshness.value}")
    if unproven:
        click.echo(
            f"{len(unproven)} of {len(tests)} proving tests have no fresh, passing result. Run: pytest -m proves"
        )
        sys.exit(1)
    click.echo(f"All {len(tests)} proving tests passed on the present sources. They prove {len(by_fact(tests))} facts.")
