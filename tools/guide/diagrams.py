"""The two pictures of the guide, drawn from data: whether a version can be deleted, and the life of a version."""

from __future__ import annotations

from grid_datastores.domain import errors
from grid_datastores.domain.model import Phase
from grid_datastores.domain.rules import NEXT_PHASES
from guide.svg import Box, Drawing

# Each question, the answer that stops, the refusal that is then told, and what it says.
QUESTIONS: tuple[tuple[str, str, type[errors.Refusal], str], ...] = (
    ("Do you name both, the Datastore and the version?", "no", errors.InvalidInput, "Refused: name both"),
    ("Did you ever have that version?", "no", errors.NotFound, "Refused: there is no such version"),
    ("Is it deleted already?", "yes", errors.AlreadyDeleted, "Refused: it says when, and by whom"),
    (
        "Does a Session, running or paused, or a living Run use it?",
        "yes",
        errors.InUse,
        "Refused: it names each one, and how to release the version",
    ),
)
DONE = "Deleted: at once, and for ever"

# Why a version changes from one phase to the next, for each change in `NEXT_PHASES`.
REASONS: dict[tuple[Phase, Phase], str] = {
    (Phase.UPLOADING, Phase.FETCHING): "from the web or a bucket",
    (Phase.UPLOADING, Phase.OPTIMIZING): "all has arrived",
    (Phase.UPLOADING, Phase.AVAILABLE): "without a server",
    (Phase.UPLOADING, Phase.FAILED): "it expires",
    (Phase.UPLOADING, Phase.DELETED): "you discard it",
    (Phase.FETCHING, Phase.AVAILABLE): "fetched",
    (Phase.FETCHING, Phase.FAILED): "not fetched",
    (Phase.FETCHING, Phase.DELETED): "you discard it",
    (Phase.OPTIMIZING, Phase.AVAILABLE): "checked",
    (Phase.OPTIMIZING, Phase.FAILED): "invalid",
    (Phase.OPTIMIZING, Phase.DELETED): "you discard it",
    (Phase.AVAILABLE, Phase.DELETED): "you delete it",
    (Phase.FAILED, Phase.DELETED): "you delete it",
}

COLUMN = (Phase.UPLOADING, Phase.FETCHING, Phase.OPTIMIZING, Phase.AVAILABLE, Phase.DELETED)
_LEFT = 350  # of the column
# Of an arrow past a box, by where it ends: its x, and how far below the top of its box it begins.
_LANES = {Phase.OPTIMIZING: (240, 37), Phase.AVAILABLE: (130, 22), Phase.DELETED: (20, 7)}


def can_i_delete() -> str:
    """The questions in the order in which they are asked."""
    told = "; ".join(f"{question} If {answer}: {says}" for question, answer, _, says in QUESTIONS)
    drawing = Drawing("can-i-delete", "Can I delete this version?", f"{told}; otherwise: {DONE}.", 470)
    y = 6
    for question, stops, _refusal, says in QUESTIONS:
        asked = drawing.box(Box(6, y, 210, question, "dg-question"))
        refused = drawing.box(Box(274, y, 190, says, "dg-refused"))
        level = y + min(asked.height, refused.height) // 2
        drawing.arrow([(216, level), (272, level)], stops, (232, level - 6))
        y = max(asked.bottom, refused.bottom) + 34
        other = "yes" if stops == "no" else "no"
        drawing.arrow(
            [(asked.middle, asked.bottom), (asked.middle, y - 2)], other, (asked.middle + 8, asked.bottom + 20)
        )
    drawing.box(Box(6, y, 210, DONE, "dg-done"))
    return drawing.html()


def life_of_a_version() -> str:
    """The phases from top to bottom, the failed one beside them, with an arrow for each change in `NEXT_PHASES`."""
    steps = [(start, end, REASONS[start, end]) for start, ends in NEXT_PHASES.items() for end in Phase if end in ends]
    told = "; ".join(f"from {start} to {end}: {why}" for start, end, why in steps)
    drawing = Drawing("life-of-a-version", "The life of a version", f"{told}. No phase comes again.", 770)
    boxes: dict[Phase, Box] = {}
    for row, phase in enumerate(COLUMN):
        css = {Phase.AVAILABLE: "dg-done", Phase.DELETED: "dg-refused"}.get(phase, "dg-question")
        boxes[phase] = drawing.box(Box(_LEFT, 6 + row * 82, 160, phase, css))
    boxes[Phase.FAILED] = drawing.box(Box(_LEFT + 254, boxes[Phase.OPTIMIZING].y, 160, Phase.FAILED, "dg-refused"))
    for start, end, why in steps:
        here, there = boxes[start], boxes[end]
        if end is Phase.FAILED:
            _aside(drawing, here, there, why)
        elif start is Phase.FAILED:
            _back(drawing, here, there, why)
        elif COLUMN.index(end) == COLUMN.index(start) + 1:
            drawing.down(here, there.y, why)
        else:
            _around(drawing, here, there, why, end)
    return drawing.html()


def _aside(drawing: Drawing, here: Box, there: Box, why: str) -> None:
    """An arrow to the box beside the column: straight, or around the corner where that box is lower."""
    level = here.y + 20
    corner = [(there.middle, level), (there.middle, there.y - 2)] if here.y != there.y else [(there.x - 2, level)]
    drawing.arrow([(here.x + here.width, level), *corner], why, (here.x + here.width + 8, level - 6))


def _back(drawing: Drawing, here: Box, there: Box, why: str) -> None:
    """An arrow from the box beside the column, down and back to the column."""
    level = there.y + 20
    end = there.x + there.width
    drawing.arrow([(here.middle, here.bottom), (here.middle, level), (end + 2, level)], why, (end + 8, level - 6))


def _around(drawing: Drawing, here: Box, there: Box, why: str, end: Phase) -> None:
    """An arrow on the left of the column, past the boxes between."""
    lane, start = _LANES[end]
    level, arrival = here.y + start, there.y + 20
    drawing.arrow([(here.x, level), (lane, level), (lane, arrival), (there.x - 2, arrival)], why, (lane + 6, level - 4))
