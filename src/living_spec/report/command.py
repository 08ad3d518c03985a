"""`living-spec report`: writes reports of a run from its evidence, and exits with a code for its findings."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from living_spec.config import find_config, with_register
from living_spec.issue_cli import known_issues
from living_spec.report.findings import Exit, find
from living_spec.report.messages import messages
from living_spec.report.summary import summary
from living_spec.store import read_proof

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--edition", metavar="NAME", help="The edition of the run; default: the first one.")
@click.option("--surface", "surfaces", multiple=True, metavar="NAME", help="Report on this surface only (repeatable).")
@click.option("--evidence", type=_FOLDER, help="The folder with the evidence; default: the project's.")
@known_issues
@click.option(
    "--summary", "summary_file", type=_FILE, help="Write the summary (Markdown) to this file; default: print it."
)
@click.option("--messages", "messages_file", type=_FILE, help="Write Cucumber Messages (NDJSON) to this file.")
@click.option("--accept-known", is_flag=True, help="Exit with 0 instead of 4.")
def report(
    edition: str | None,
    surfaces: tuple[str, ...],
    evidence: Path | None,
    issues: Path | None,
    summary_file: Path | None,
    messages_file: Path | None,
    accept_known: bool,
) -> None:
    """Write reports of a run from its evidence.

    Exit codes: 0 every scenario that could be run holds; 1 a scenario fails that no open issue lists, a result is
    missing or stale, or a surface has no result; 3 an open issue is fixed and has to be closed; 4 only scenarios of
    open issues fail. The summary names the scenarios that could not be run, with the reasons.
    """
    config = find_config(Path.cwd())
    config = replace(config, evidence=(evidence or config.evidence).resolve())
    config = with_register(config, issues)
    findings = find(read_proof(config), edition or config.first_edition, surfaces)
    if messages_file:
        _write(messages_file, "".join(f"{line}\n" for line in messages(findings)))
    if summary_file:
        _write(summary_file, summary(findings))
    else:
        click.echo(summary(findings), nl=False)
    sys.exit(Exit.HOLDS if accept_known and findings.exit is Exit.KNOWN else findings.exit)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
