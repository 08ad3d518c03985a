"""The blocks `transcript`, `exchange` and `screenshot`, and all evidence of a scenario."""

from __future__ import annotations

import json
from http import HTTPStatus
from struct import unpack
from typing import TYPE_CHECKING, TypeVar

from living_spec.config import SpecError, unknown
from living_spec.evidence import Exchange, Key, Result, Screenshot, Transcript
from living_spec.markdown.context import banner, warn
from living_spec.markdown.markup import authored, details, fence, literal, paragraph
from living_spec.results import Freshness, Kind
from living_spec.store import PICTURES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from living_spec.evidence import Record, StepEvidence
    from living_spec.features import Scenario
    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block

R = TypeVar("R", bound=Transcript | Exchange | Screenshot)

_FIRST_SCREEN = 25  # lines of a page that a reader sees before scrolling, at most

# The ending of a label for a theme -> the fragment by which Material shows the picture in that theme only.
_THEMES = {" (light)": "#only-light", " (dark)": "#only-dark"}


def transcript(context: Context, block: Block) -> Lines:
    """`::: transcript ID [surface=…] [step=N] [command=…]`: commands with their output."""
    scenario = context.proof.spec.scenario(block.argument("surface", "step", "command"))
    part = block.options.get("command", "")
    return _selected(context, block, scenario, Transcript, lambda record: part in record.command)


def exchange(context: Context, block: Block) -> Lines:
    """`::: exchange ID [match=…]`: HTTP requests and responses."""
    scenario = context.proof.spec.scenario(block.argument("match"))
    part = block.options.get("match", "")
    return _selected(context, block, scenario, Exchange, lambda record: part in f"{record.method} {record.path}")


def screenshot(context: Context, block: Block) -> Lines:
    """`::: screenshot ID [surface=…] [label=…]`: pictures. Of "LABEL (light)" and "LABEL (dark)", each theme shows one.

    If the surface could not be run, the reason is shown, so that a machine without a browser can build the pages.
    """
    scenario = context.proof.spec.scenario(block.argument("surface", "label"))
    surface = surface_with(context, block, scenario, Screenshot)
    verdict = context.scenario(scenario)[surface]
    if (
        verdict.kind is Kind.NOT_RUN
        and context.edition == context.proof.spec.config.first_edition
        and verdict.freshness is Freshness.FRESH
    ):
        return context.reasons({surface: verdict})
    label = block.options.get("label")
    return _selected(
        context, block, scenario, Screenshot, lambda record: label in (None, record.label, _label(record)[0])
    )


def evidence(context: Context, scenario: Scenario) -> Lines:
    """All records of a scenario, in a collapsible block for each surface; no lines if there are none."""
    surfaces: Lines = []
    for surface, name in context.surfaces.items():
        lines: Lines = []
        for result in context.proof.results(scenario, surface, context.edition):
            lines += _result(context, result)
        if lines:
            surfaces += details("spec-evidence", literal(name), lines)
    return details("spec-evidence", "Evidence", surfaces) if surfaces else []


def _result(context: Context, result: Result) -> Lines:
    lines: Lines = []
    pictures = _pictures(context, result.key)
    for step in result.steps:
        records = [line for record in step.records for line in _record(record, step.text, pictures)]
        if records or step.message:
            lines += [f"**{literal(step.keyword)}** {literal(step.text)}", "", *records]
        if step.message:
            lines += fence("text", step.message)
    if lines and result.values:
        values = ", ".join(f"{column} = {value}" for column, value in result.values.items())
        lines = [*paragraph(f"Example: {literal(values)}", "spec-caption"), *lines]
    return lines


def _selected(context: Context, block: Block, scenario: Scenario, kind: type[R], chosen: Callable[[R], bool]) -> Lines:
    surface = surface_with(context, block, scenario, kind)
    first = context.proof.spec.config.first_edition
    for edition in dict.fromkeys((context.edition, first)):
        if lines := _of_edition(context, block, scenario, Key(edition, surface, scenario.id, 0), kind, chosen):
            return lines
    verdict = context.proof.scenario(scenario, surface, first)
    if unproven := banner(block, {context.surfaces[surface]: verdict}):
        return unproven  # a fresh run may record it
    if verdict.reason:  # not run, or not on this surface
        return warn(block, f"There is no record to show: {verdict.kind.value}: {verdict.reason}")
    raise SpecError(f"The run has recorded no such {kind.__name__.lower()} on {context.surfaces[surface]}.")


def _of_edition(
    context: Context, block: Block, scenario: Scenario, place: Key, kind: type[R], chosen: Callable[[R], bool]
) -> Lines:
    """The chosen records of an edition and surface; no lines if there are none. Those of another edition say so."""
    lines: Lines = []
    soon = block.line < _FIRST_SCREEN
    for result in context.proof.results(scenario, place.surface, place.edition):
        for step in selected_steps(block, result):
            for record in step.records:
                if isinstance(record, kind) and chosen(record):
                    lines += _record(record, scenario.name, _pictures(context, place), soon=soon)
    if not lines:
        return []
    if place.edition != context.edition:
        return [*lines, *recorded_elsewhere(context, place.edition)]
    verdict = context.scenario(scenario)[place.surface]
    return [*banner(block, {context.surfaces[place.surface]: verdict}), *lines]


def recorded_elsewhere(context: Context, edition: str) -> Lines:
    """A note that a record is of this edition; no lines if that is the edition of the site."""
    if edition == context.edition:
        return []
    editions = context.proof.spec.config.editions
    here, there = authored(editions[context.edition].name), authored(editions[edition].name)
    return paragraph(f"Recorded on *{there}*. Not run on *{here}*.", "spec-caption")


def _pictures(context: Context, place: Key) -> Path:
    """The folder of the pictures of an edition and surface."""
    return context.proof.spec.config.evidence / place.edition / place.surface / PICTURES


def surface_with(context: Context, block: Block, scenario: Scenario, kind: type[R]) -> str:
    """The surface that the block's option names, or else the first surface with such a record.

    If no surface has one: the first surface that was not run, or else the first on which the scenario runs.
    """
    asked = block.options.get("surface")
    if asked is not None:
        if asked not in context.surfaces:
            raise SpecError(unknown("surface", asked, context.surfaces))
        return asked
    for edition in dict.fromkeys((context.edition, context.proof.spec.config.first_edition)):
        for surface in context.surfaces:
            for result in context.proof.results(scenario, surface, edition):
                if any(isinstance(record, kind) for step in result.steps for record in step.records):
                    return surface
    runs_on = [surface for surface in context.surfaces if scenario.not_on(surface) is None]
    not_run = (surface for surface, verdict in context.scenario(scenario).items() if verdict.kind is Kind.NOT_RUN)
    return next(not_run, next(iter([*runs_on, *context.surfaces])))


def selected_steps(block: Block, result: Result) -> tuple[StepEvidence, ...]:
    asked = block.options.get("step")
    if asked is None:
        return result.steps
    if not asked.isdecimal() or asked == "0":
        raise SpecError(f"There is no step {asked!r}. Steps are numbered from 1.")
    return result.steps[int(asked) - 1 : int(asked)]


def _record(record: Record, place: str, pictures: Path, *, soon: bool = False) -> Lines:
    """The lines of a record. A picture's alternative text is its label and `place`, the step or scenario.

    A picture in the folder `pictures` has its size, so that nothing moves when it arrives. Unless it is needed `soon`,
    it is loaded when the reader comes near.
    """
    if isinstance(record, Transcript):
        prompt = "\n> ".join(record.command.split("\n"))
        lines = fence("console", f"$ {prompt}\n{record.output}")
        if record.exit_code:
            lines += paragraph(f"exit code {record.exit_code}", "spec-caption")
        return lines
    if isinstance(record, Exchange):
        try:
            status = f"{record.status} {HTTPStatus(record.status).phrase}"
        except ValueError:
            status = str(record.status)
        return [
            *paragraph(f"Request: <code>{literal(f'{record.method} {record.path}')}</code>", "spec-caption"),
            *_body(record.request_body),
            *paragraph(f"Answer: <code>{literal(status)}</code>", "spec-caption"),
            *_body(record.response_body),
        ]
    label, theme = _label(record)
    words = literal(f"{label}: {place}")
    size = _size(pictures / record.file)
    attributes = [".spec-picture", *([] if soon else ["loading=lazy"])]
    attributes += [f"width={size[0]}", f"height={size[1]}"] if size else []
    return [f"![{words}](/{PICTURES}/{record.file}{theme}){{ {' '.join(attributes)} }}", ""]


def _size(picture: Path) -> tuple[int, int] | None:
    """The width and height of a PNG, in pixels, from its header; None for another file."""
    try:
        with picture.open("rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if len(head) < 24 or not head.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    width, height = unpack(">II", head[16:])
    return width, height


def _label(picture: Screenshot) -> tuple[str, str]:
    """The label of a picture without the theme, and the fragment for that theme."""
    for ending, fragment in _THEMES.items():
        if picture.label.endswith(ending):
            return picture.label.removesuffix(ending), fragment
    return picture.label, ""


def _body(body: str) -> Lines:
    if not body.strip():
        return []
    try:
        return fence("json", json.dumps(json.loads(body), ensure_ascii=False, indent=2))
    except ValueError:
        return fence("text", body)
