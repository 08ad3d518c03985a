"""The blocks `coverage` and `defects`: the pages, scenarios and defects of each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from living_spec.config import SpecError
from living_spec.defects import read_defects
from living_spec.markdown.context import warn
from living_spec.markdown.markup import authored, literal, paragraph, table
from living_spec.pages import citing_pages, page_title

if TYPE_CHECKING:
    from pathlib import Path

    from living_spec.defects import Defects
    from living_spec.features import Rule
    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block


def coverage(context: Context, block: Block) -> Lines:
    """`::: coverage`: each rule with the pages that cite it, its number of scenarios, and its noticed defects."""
    block.expect(0)
    config = context.proof.spec.config
    citing, tried = citing_pages(config), read_defects(config)
    rules = context.proof.spec.rules.values()
    gaps = [f"no page of the guide cites {rule.id}" for rule in rules if rule.id not in citing]
    gaps += [f"{rule.id} has no scenario" for rule in rules if not rule.scenarios]
    gaps += [
        f"{rule.id} runs on no surface" for rule in rules if rule.scenarios and not rule.runs_on_any(config.surfaces)
    ]
    head = ["Rule", "Cited in the guide", "Scenarios", *(["Defects noticed"] if tried else [])]
    rows = [
        [
            context.link(rule, authored(rule.sentence)),
            "<br>".join(_page(context, path) for path in citing.get(rule.id, [])),
            str(len(rule.scenarios)),
            *([_noticed(tried, rule)] if tried else []),
        ]
        for rule in rules
    ]
    lines = warn(block, f"The coverage has gaps: {'; '.join(gaps)}.") if gaps else []
    return [*lines, *table(head, rows), *(_caption(tried) if tried else [])]


def defects(context: Context, block: Block) -> Lines:
    """`::: defects`: every defect that was tried, the rule that it breaks, and the surfaces that noticed it."""
    block.expect(0)
    tried = read_defects(context.proof.spec.config)
    if tried is None:
        raise SpecError("The project has no file of defects. Name one as 'defects' in [tool.living-spec].")
    rows = []
    for defect in tried.defects:
        rule = context.proof.spec.rule(defect.rule)
        missed = f"; **missed** on {_surfaces(context, defect.missed)}" if defect.missed else ""
        caught = _surfaces(context, defect.caught) or "nowhere"
        rows.append([authored(defect.what), context.link(rule, authored(rule.sentence)), caught + missed])
    return [*table(["Defect", "The rule that noticed", "On"], rows), *_caption(tried)]


def _noticed(tried: Defects, rule: Rule) -> str:
    found = tried.of(rule.id)
    caught = sum(bool(defect.caught) and not defect.missed for defect in found)
    return f"{caught} of {len(found)}" if found else "none tried"


def _surfaces(context: Context, surfaces: tuple[str, ...]) -> str:
    return ", ".join(literal(context.surfaces.get(name, name)) for name in surfaces)


def _page(context: Context, path: Path) -> str:
    return f"[{authored(page_title(path))}](/{path.relative_to(context.proof.spec.config.pages).as_posix()})"


def _caption(tried: Defects) -> Lines:
    """The first and last day on which defects were tried."""
    days = sorted({defect.seen for defect in tried.defects})
    if not days:
        return paragraph("No defect has been tried yet.", "spec-caption")
    when = f"on {days[0]}" if len(days) == 1 else f"between {days[0]} and {days[-1]}"
    return paragraph(f"Defects tried {when}.", "spec-caption")
