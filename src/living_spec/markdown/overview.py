"""The blocks `matrix` and `summary`: the verdicts on all rules, and their counts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from living_spec.markdown.context import banner
from living_spec.markdown.markup import authored, counted, literal, paragraph, result, table
from living_spec.markdown.site import last_run
from living_spec.results import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block
    from living_spec.results import Proof, Verdict

_COLUMNS = (Kind.HOLDS, Kind.KNOWN_ISSUE, Kind.FIXED, Kind.FAILS, Kind.NOT_RUN, Kind.NOT_ON_SURFACE)
_IF_ANY = (Kind.KNOWN_ISSUE, Kind.FIXED)  # columns that are left out where they count nothing


def matrix(context: Context, block: Block) -> Lines:
    """`::: matrix`: the verdict on every rule on every surface, in every edition with results."""
    block.expect(0)
    proof = context.proof
    columns = _columns(context)
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
    return [
        *banner(block, problems),
        *table(["Rule", *map(literal, columns.values())], rows),
        *_caption(context, (edition for edition, _ in columns)),
    ]


def summary(context: Context, block: Block) -> Lines:
    """`::: summary`: the numbers of rules, of scenarios, and of verdicts of each kind by surface."""
    block.expect(0)
    proof = context.proof
    problems: dict[str, Verdict] = {}
    counts: dict[str, Counter[Kind]] = {}
    columns = _columns(context)
    for (edition, surface), name in columns.items():
        verdicts = {
            f"{scenario.id} on {name}": proof.scenario(scenario, surface, edition)
            for scenario in proof.spec.scenarios.values()
        }
        problems |= verdicts if _counts(proof, edition, surface) else {}
        counts[name] = Counter(verdict.kind for verdict in verdicts.values())
    kinds = [kind for kind in _COLUMNS if kind not in _IF_ANY or any(count[kind] for count in counts.values())]
    rows = [[literal(name), *(str(count[kind]) for kind in kinds)] for name, count in counts.items()]
    many = (len(proof.spec.rules), "rule"), (len(proof.spec.scenarios), "scenario")
    return [
        *banner(block, problems),
        *paragraph(f"{', '.join(counted(*one) for one in many)}.", "spec-summary"),
        *table(["Scenarios on", *(kind.value for kind in kinds)], rows),
        *_caption(context, (edition for edition, _ in columns)),
    ]


def _columns(context: Context) -> dict[tuple[str, str], str]:
    """The (edition, surface) pairs to show, each with its heading; in the guide, those of its edition."""
    config = context.proof.spec.config
    editions = [context.edition] if context.in_guide else config.editions
    columns = [(edition, surface) for edition in editions for surface in context.proof.covered(edition)]
    several = len({edition for edition, _ in columns}) > 1
    return {
        (edition, surface): config.surfaces[surface] + (f", {config.editions[edition].name}" if several else "")
        for edition, surface in columns
    }


def _counts(proof: Proof, edition: str, surface: str) -> bool:
    """Whether a site relies on the results of a surface."""
    return surface in proof.relied_on(edition)


def _caption(context: Context, editions: Iterable[str]) -> Lines:
    """The editions, if there are several, the time of the last run, and the digest of its sources."""
    shown = list(dict.fromkeys(editions))
    legend = [line for one in context.editions(shown) for line in paragraph(one, "spec-caption")]
    results = [result for several in context.proof.evidence.values() for result in several]
    if not results:
        return paragraph("There are no results yet.", "spec-caption")
    digests = {result.digest for result in results}
    sources = f"digest <code>{min(digests)[:12]}</code>" if len(digests) == 1 else "several digests"
    when = f"Last run on {last_run(results)}, of sources with {sources}."
    return [*(legend if len(shown) > 1 else []), *paragraph(when, "spec-caption")]
