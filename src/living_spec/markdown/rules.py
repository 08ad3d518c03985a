"""The blocks `rule`, `scenario` and `feature`: rules and scenarios with their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from living_spec.markdown.context import banner
from living_spec.markdown.markup import authored, details, literal, paragraph, result, steps, table
from living_spec.markdown.proven import rule_mark
from living_spec.markdown.records import evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from living_spec.features import Rule, Scenario
    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block
    from living_spec.results import Verdict


def rule(context: Context, block: Block) -> Lines:
    """`::: rule ID`: its sentence with a quiet mark in the guide; in the spec, a box with its results and a link."""
    found = context.proof.spec.rule(block.argument())
    verdicts = context.rule(found)
    unproven = banner(block, _by_name(context, verdicts))
    if context.in_guide:
        end = "" if found.sentence.endswith((".", "!", "?")) else "."
        said = f'<span class="spec-said">{authored(found.sentence)}{end}</span>'
        loud = [] if all(verdict.waits or not verdict.unproven for verdict in verdicts.values()) else unproven
        return [f"{said} {rule_mark(context, found, verdicts)}", "", *loud, *context.warnings(found)]
    return [
        *unproven,
        *paragraph(authored(found.sentence), "spec-rule"),
        *context.named_results(
            _of_the_issue(context, found) or _by_name(context, verdicts), context.link(found, f"Rule {found.id}")
        ),
        *context.warnings(found),
    ]


def scenario(context: Context, block: Block) -> Lines:
    """`::: scenario ID`: its title, its steps, its results."""
    found = context.proof.spec.scenario(block.argument())
    verdicts = context.scenario(found)
    return [
        *banner(block, _by_name(context, verdicts)),
        *paragraph(f"**{authored(found.name)}**", "spec-scenario"),
        *_steps_and_examples(context, found),
        *context.results(verdicts),
        *context.reasons(verdicts),
    ]


def feature(context: Context, block: Block) -> Lines:
    """`::: feature NAME`: the whole feature, with the evidence in collapsible blocks."""
    found = context.proof.spec.feature(block.argument())
    lines = [
        *banner(
            block,
            {
                f"{item.id} on {context.surfaces[surface]}": verdict
                for item in found.scenarios
                for surface, verdict in context.scenario(item).items()
            },
        ),
        f"## {authored(found.title)} {{ #feature-{found.name} }}",
        "",
        *found.description.split("\n"),
        "",
    ]
    for item in found.loose:
        lines += _whole(context, item)
    for one in found.rules:
        lines += _rule(context, one)
    return lines


def _of_the_issue(context: Context, found: Rule) -> dict[str, Verdict]:
    """On the page of an issue: the verdicts on its surfaces, in the first edition and in its own."""
    config = context.proof.spec.config
    return {
        f"{config.surfaces[surface]}, {config.editions[edition].name}": context.proof.rule(found, surface, edition)
        for issue in context.proof.register.issues
        if issue.path == context.page
        for surface in issue.surfaces
        for edition in dict.fromkeys((config.first_edition, *issue.editions))
    }


def _by_name(context: Context, verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    return {context.surfaces[surface]: verdict for surface, verdict in verdicts.items()}


def _rule(context: Context, one: Rule) -> Lines:
    verdicts = context.rule(one)
    lines = [
        f"### {authored(one.sentence)} {{ #{one.id} .spec-rule-title }}",
        "",
        *one.reason.split("\n"),
        "",
        *context.results(verdicts),
        *context.warnings(one),
    ]
    for item in one.scenarios:
        lines += _whole(context, item)
    return lines


def _whole(context: Context, item: Scenario) -> Lines:
    verdicts = context.scenario(item)
    return [
        f"#### {authored(item.name)} {{ #scenario-{item.id} .spec-scenario-title }}",
        "",
        *item.description.split("\n"),
        "",
        *context.results(verdicts),
        *context.reasons(verdicts),
        *details("spec-steps", "Steps", _steps_and_examples(context, item)),
        *evidence(context, item),
    ]


def _steps_and_examples(context: Context, item: Scenario) -> Lines:
    """The steps, and the examples with the result of each."""
    lines = steps(item.steps)
    if item.examples:
        names = [literal(name) for name in context.surfaces.values()]
        rows = [
            [
                *(literal(values.get(column, "")) for column in item.columns),
                *(result(context.proof.row(item, row, surface, context.edition)) for surface in context.surfaces),
            ]
            for row, values in enumerate(item.examples)
        ]
        lines += table([*map(literal, item.columns), *names], rows)
    return lines
