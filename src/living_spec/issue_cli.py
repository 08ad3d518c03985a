"""`living-spec issue`: open and close a known issue without an editor."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from living_spec.config import SpecError, find_config, shown, with_register
from living_spec.issues import id_problem, page_problems, read_register
from living_spec.spec import read_spec

_PAGE = """---
id: {id}
title: {title}
status: open
editions: [{editions}]
surfaces: [{surfaces}]
scenarios: [{scenarios}]
since: {since}
workaround: {workaround}
---

# {heading}

::: known-issue {id}
"""


known_issues = click.option(
    "--known-issues",
    "issues",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Another register of known issues than this project's.",
)


@click.group()
def issue() -> None:
    """Open and close known issues; each is a page with front matter."""


@issue.command(name="open")
@click.argument("id")
@click.option("--title", required=True, help="What is wrong, as its reader would say it.")
@click.option(
    "--scenario", "scenarios", required=True, multiple=True, help="A scenario that fails; repeat it for several."
)
@click.option("--surface", "surfaces", required=True, multiple=True, help="Where it fails; repeat it for several.")
@click.option("--edition", "editions", multiple=True, help="In which edition; the first one when left out.")
@click.option("--workaround", required=True, help="What its reader can do meanwhile.")
@known_issues
def open_issue(
    id: str,
    title: str,
    scenarios: tuple[str, ...],
    surfaces: tuple[str, ...],
    editions: tuple[str, ...],
    workaround: str,
    issues: Path | None,
) -> None:
    """Write the page of a new known issue."""
    spec = read_spec(with_register(find_config(Path.cwd()), issues))
    read_register(spec)
    if problem := id_problem(id):
        raise SpecError(problem)
    path = spec.config.issues / f"{id}.md"
    if path.exists():
        raise SpecError(f"{shown(path)} is there already.")
    text = _PAGE.format(
        id=id,
        title=json.dumps(title, ensure_ascii=False),
        heading=title,
        editions=", ".join(editions or [spec.config.first_edition]),
        surfaces=", ".join(surfaces),
        scenarios=", ".join(scenarios),
        since=datetime.now(UTC).date(),
        workaround=json.dumps(workaround, ensure_ascii=False),
    )
    for _line, sentence in page_problems(path, text, spec):
        raise SpecError(sentence)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    click.echo(shown(path))


@issue.command(name="close")
@click.argument("id")
@known_issues
def close_issue(id: str, issues: Path | None) -> None:
    """Say that a known issue is fixed; from now on its scenarios must hold."""
    spec = read_spec(with_register(find_config(Path.cwd()), issues))
    found = read_register(spec).issue(id)
    if not found.open:
        raise SpecError(f"The issue {id!r} is closed already.")
    text = found.path.read_text("utf-8")
    found.path.write_text(text.replace("\nstatus: open\n", "\nstatus: closed\n", 1), "utf-8")
    if read_register(spec).issue(id).open:
        raise SpecError(f"{shown(found.path)} has no line 'status: open' to change.")
    click.echo(shown(found.path))
