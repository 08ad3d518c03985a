"""`living-spec issue`: open and close a known issue without an editor."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from living_spec.config import SpecError, display_path, find_config, with_register
from living_spec.issues import id_problem, page_problems, read_register
from living_spec.seen import seen
from living_spec.spec import read_spec
from living_spec.store import read_proof

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
    help="The folder of known issues; default: the project's.",
)


@click.group()
def issue() -> None:
    """Open and close known issues."""


@issue.command(name="open")
@click.argument("id")
@click.option("--title", required=True, help="The problem, in the words of a user.")
@click.option("--scenario", "scenarios", required=True, multiple=True, help="A scenario that fails (repeatable).")
@click.option("--surface", "surfaces", required=True, multiple=True, help="A surface on which it fails (repeatable).")
@click.option(
    "--edition", "editions", multiple=True, help="An edition in which it fails (repeatable); default: the first one."
)
@click.option("--workaround", required=True, help="What a user can do until it is fixed.")
@click.option("--from-last-run", is_flag=True, help="Set the field `sees` from the failing checks of the last run.")
@click.option(
    "--evidence",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The folder with the evidence of that run; default: the project's.",
)
@known_issues
def open_issue(
    id: str,
    title: str,
    scenarios: tuple[str, ...],
    surfaces: tuple[str, ...],
    editions: tuple[str, ...],
    workaround: str,
    from_last_run: bool,
    evidence: Path | None,
    issues: Path | None,
) -> None:
    """Write the page of a new known issue."""
    config = with_register(find_config(Path.cwd()), issues)
    proof = read_proof(replace(config, evidence=(evidence or config.evidence).resolve()))
    spec = proof.spec
    if problem := id_problem(id):
        raise SpecError(problem)
    path = spec.config.issues / f"{id}.md"
    if path.exists():
        raise SpecError(f"{display_path(path)} already exists. Choose another id, or edit that page.")
    editions = editions or (spec.config.first_edition,)
    text = _PAGE.format(
        id=id,
        title=json.dumps(title, ensure_ascii=False),
        heading=title,
        editions=", ".join(editions),
        surfaces=", ".join(surfaces),
        scenarios=", ".join(scenarios),
        since=datetime.now(UTC).date(),
        workaround=json.dumps(workaround, ensure_ascii=False),
    )
    for _line, sentence in page_problems(path, text, spec):
        raise SpecError(sentence)
    if from_last_run:
        text = text.replace("\nsince:", f"\nsees: {_quoted(seen(proof, editions, surfaces, scenarios))}\nsince:", 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    click.echo(display_path(path))


@issue.command(name="close")
@click.argument("id")
@known_issues
def close_issue(id: str, issues: Path | None) -> None:
    """Close a known issue that is fixed. From now on its scenarios must pass."""
    spec = read_spec(with_register(find_config(Path.cwd()), issues))
    found = read_register(spec).issue(id)
    if not found.open:
        raise SpecError(f"The issue {id!r} is already closed. Nothing was changed.")
    text = found.path.read_text("utf-8")
    found.path.write_text(text.replace("\nstatus: open\n", "\nstatus: closed\n", 1), "utf-8")
    if read_register(spec).issue(id).open:
        path = display_path(found.path)
        raise SpecError(f"{path} has no line 'status: open', so nothing was changed. Edit its status yourself.")
    click.echo(display_path(found.path))


def _quoted(text: str) -> str:
    """The text as a YAML string in single quotes, where a backslash needs no escape."""
    return "'" + text.replace("'", "''") + "'"
