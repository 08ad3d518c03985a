"""The block `state`: the state of the spec in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from living_spec.markdown.context import banner
from living_spec.markdown.markup import counted, paragraph
from living_spec.markdown.site import last_run
from living_spec.results import Kind

if TYPE_CHECKING:
    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block
    from living_spec.results import Verdict

_FINE = (Kind.HOLDS, Kind.NOT_ON_SURFACE)


def state(context: Context, block: Block) -> Lines:
    """`::: state`: how many rules hold on every surface, in how many scenarios, and when that was seen."""
    block.expect(0)
    spec = context.proof.spec
    surfaces = context.proof.covered(context.edition)
    verdicts = {
        rule.id: {surface: verdict for surface, verdict in context.rule(rule).items() if surface in surfaces}
        for rule in spec.rules.values()
    }
    holding = sum(all(map(_fine, of_rule.values())) for of_rule in verdicts.values())
    problems = {
        f"{rule} on {context.surfaces[surface]}": verdict
        for rule, of_rule in verdicts.items()
        for surface, verdict in of_rule.items()
    }
    whole = holding == len(verdicts)
    symbol = f'<span aria-hidden="true">{"✓" if whole else "!"}</span>'
    rules = counted(len(verdicts), "rule")
    count = f"All {rules} hold" if whole else f"{holding} of {rules} hold on every surface"
    where = f"seen in {counted(len(spec.scenarios), 'scenario')} on {counted(len(surfaces), 'surface')}"
    line = f"{symbol} **{count}**, {where}{_last_run(context)}."
    return [*banner(block, problems), *paragraph(line, f"spec-state .{'spec-holds' if whole else 'spec-known'}")]


def _fine(verdict: Verdict) -> bool:
    return verdict.kind in _FINE and not verdict.unproven


def _last_run(context: Context) -> str:
    evidence = context.proof.evidence
    when = last_run(one for key in evidence if key.edition == context.edition for one in evidence[key])
    return f" on {when}" if when else ""
