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
    from living_spec.results import Verdict

_COLUMNS = (Kind.HOLDS, Kind.FAILS, Kind.NOT_RUN, Kind.NOT_ON_SURFACE)


def matrix(context: Context, block: Block) -> Lines:
    """`::: matrix`: every rule on every surface, in every edition."""
    block.expect(0)
    config = context.proof.spec.config
    columns = [(edition, surface) for edition in config.editions for surface in config.surfaces]
    several = len(config.editions) > 1
    head = [
        config.surfaces[surface] + (f", {config.editions[edition]}" if several else "") for edition, surface in columns
    ]
    problems: dict[str, Verdict] = {}
    rows: list[list[str]] = []
    for rule in context.proof.spec.rules.values():
        verdicts = [context.proof.rule(rule, surface, edition) for edition, surface in columns]
        problems |= {f"{rule.id} on {name}": verdict for name, verdict in zip(head, verdicts, strict=True)}
        rows.append([context.link(rule, authored(rule.sentence)), *map(result, verdicts)])
    return [*banner(block, problems), *table(["Rule", *map(literal, head)], rows), *_caption(context)]


def summary(context: Context, block: Block) -> Lines:
    """`::: summary`: how many rules, scenarios and results of each kind there are."""
    block.expect(0)
    spec = context.proof.spec
    problems: dict[str, Verdict] = {}
    rows: list[list[str]] = []
    for surface, name in context.surfaces.items():
        verdicts = {
            f"{scenario.id} on {name}": context.proof.scenario(scenario, surface, context.edition)
            for scenario in spec.scenarios.values()
        }
        problems |= verdicts
        counts = Counter(verdict.kind for verdict in verdicts.values())
        rows.append([literal(name), *(str(counts[kind]) for kind in _COLUMNS)])
    return [
        *banner(block, problems),
        *paragraph(f"{_count(len(spec.rules), 'rule')}, {_count(len(spec.scenarios), 'scenario')}.", "spec-summary"),
        *table(["Scenarios on", *(kind.value for kind in _COLUMNS)], rows),
        *_caption(context),
    ]


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
