"""The quiet mark of a proof in the text, and the card with the proof that it opens, without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from living_spec.markdown.markup import authored, literal, result
from living_spec.markdown.site import last_run
from living_spec.results import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from living_spec.features import Rule
    from living_spec.markdown.context import Context
    from living_spec.results import Verdict

_NAMED_AT_MOST = 4


def mark(context: Context, words: str, card: Iterable[str]) -> str:
    """A button with a sign and `words` that opens a card with these lines, which are inline Markdown.

    No part of it contains an element of its own kind, as the search of Material then leaves it out as a whole.
    """
    id_ = f"proof-{next(context.numbers)}"
    look = (
        f'class="spec-mark" popovertarget="{id_}"'
        if words
        else f'class="spec-mark spec-mark-bare" popovertarget="{id_}" aria-label="Proof"'
    )
    sign = f'<span aria-hidden="true">✓</span> {words}' if words else "✓"
    lines = "".join(f"<span>{line}</span>" for line in card)
    return (
        f'<button type="button" {look} data-search-exclude>{sign}</button>'
        f'<small class="spec-card" id="{id_}" popover data-search-exclude>{lines}</small>'
    )


def rule_mark(context: Context, rule: Rule, verdicts: Mapping[str, Verdict]) -> str:
    """The mark of a rule: it counts the surfaces on which the rule holds, and its card names all."""
    asked = [verdict for verdict in verdicts.values() if verdict.kind is not Kind.NOT_ON_SURFACE]
    proven = sum(verdict.proves for verdict in asked)
    if not proven:
        yet = " yet" if any(verdict.waits for verdict in asked) else ""
        not_run = all(verdict.kind is Kind.NOT_RUN for verdict in asked)
        return f'<span class="spec-waiting" data-search-exclude>○ not run{yet}</span>' if not_run else ""
    missing = any(verdict.waits or verdict.kind not in (Kind.HOLDS, Kind.NOT_RUN) for verdict in asked)
    of = f"{proven} of {len(asked)}" if missing else str(proven)
    words = f"proven on {of} surface{'' if of == '1' else 's'}"
    return mark(context, words, _card(context, rule, verdicts))


def _card(context: Context, rule: Rule, verdicts: Mapping[str, Verdict]) -> Iterable[str]:
    """The results, the time of the run, and links to the rule and to its scenarios with their evidence."""
    proof = context.proof
    for surface, verdict in verdicts.items():
        yield f'<span class="spec-surface">{literal(context.surfaces[surface])}</span> {result(verdict)}'
    results = (
        one
        for item in rule.scenarios
        for surface in context.surfaces
        for one in proof.results(item, surface, context.edition)
    )
    if when := last_run(results):
        yield f"<em>Run on {when}</em>"
    yield f"<b>Scenarios of {context.link(rule, f'rule {rule.id}')}</b>"
    for item in rule.scenarios[:_NAMED_AT_MOST]:
        yield context.scenario_link(item, authored(item.name))
    if len(rule.scenarios) > _NAMED_AT_MOST:
        yield f"and {len(rule.scenarios) - _NAMED_AT_MOST} more"
