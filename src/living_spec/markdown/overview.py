"""The blocks `matrix` and `summary`: the state of everything."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING

from living_spec.markdown.context import banner
from living_spec.markdown.markup import authored, literal, paragraph, result, table
from living_spec.results import Kind

if TYPE_CHECKING:
    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block
    from living_spec.results import Proof, Verdict

_COLUMNS = (Kind.HOLDS, Kind.KNOWN_ISSUE, Kind.FIXED, Kind.FAILS, Kind.NOT_RUN, Kind.NOT_ON_SURFACE)
_WHEN_SEEN = (Kind.KNOWN_ISSUE, Kind.FIXED)  # columns that are there when they count something


def matrix(context: Context, block: Block) -> Lines:
    """`::: matrix`: every rule on every surface, in every edition that a run was aimed at."""
    block.expect(0)
    proof = context.proof
    columns = _columns(proof)
    problems: dict[str, Verdict] = {}
    rows: list[list[str]] = []
    for rule in proof.spec.rules.values():
        verdicts = {(edition, surface): proof.rule(rule, surface, edition) for edition, surface in columns}
        problems |= {
            f"{rule.id} on {columns[column]}": verdict
            for column, verdict in verdicts.items()
            if _counts(proof, *column)
        }
        rows.append([context.link(rule, authored(rule.sentence)), *map(result, verdicts.values())])
    return [*banner(block, problems), *table(["Rule", *map(literal, columns.values())], rows), *_caption(context)]


def summary(context: Context, block: Block) -> Lines:
    """`::: summary`: how many rules, scenarios and results of each kind there are."""
    block.expect(0)
    proof = context.proof
    problems: dict[str, Verdict] = {}
    counts: dict[str, Counter[Kind]] = {}
    for (edition, surface), name in _columns(proof).items():
        verdicts = {
            f"{scenario.id} on {name}": proof.scenario(scenario, surface, edition)
            for scenario in proof.spec.scenarios.values()
        }
        problems |= verdicts if _counts(proof, edition, surface) else {}
        counts[name] = Counter(verdict.kind for verdict in verdicts.values())
    kinds = [kind for kind in _COLUMNS if kind not in _WHEN_SEEN or any(count[kind] for count in counts.values())]
    rows = [[literal(name), *(str(count[kind]) for kind in kinds)] for name, count in counts.items()]
    many = (len(proof.spec.rules), "rule"), (len(proof.spec.scenarios), "scenario")
    return [
        *banner(block, problems),
        *paragraph(f"{', '.join(_count(*one) for one in many)}.", "spec-summary"),
        *table(["Scenarios on", *(kind.value for kind in kinds)], rows),
        *_caption(context),
    ]


def _columns(proof: Proof) -> dict[tuple[str, str], str]:
    """The (edition, surface) there is something to say about, each with its name."""
    config = proof.spec.config
    columns = [(edition, surface) for edition in config.editions for surface in proof.covered(edition)]
    several = len({edition for edition, _ in columns}) > 1
    return {
        (edition, surface): config.surfaces[surface] + (f", {config.editions[edition]}" if several else "")
        for edition, surface in columns
    }


def _counts(proof: Proof, edition: str, surface: str) -> bool:
    """Whether a build relies on what was seen there."""
    return surface in proof.relied_on(edition)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _caption(context: Context) -> Lines:
    """When the evidence was seen, and of what sources it speaks."""
    results = context.proof.evidence.values()
    if not results:
        return paragraph("There has been no run yet.", "spec-caption")
    last = datetime.fromisoformat(max(result.started for result in results))
    digests = {result.digest for result in results}
    sources = f"digest <code>{min(digests)[:12]}</code>" if len(digests) == 1 else "several digests"
    return paragraph(f"Last run on {last:%Y-%m-%d at %H:%M} UTC, of sources with {sources}.", "spec-caption")
