"""The two pictures of the guide, drawn from data: whether a version can be deleted, and the life of a version."""

from __future__ import annotations

from grid_datastores.domain import errors
from grid_datastores.domain.model import Phase
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

# From, to, and what makes it so.
STEPS: tuple[tuple[Phase, Phase, str], ...] = (
    (Phase.UPLOADING, Phase.OPTIMIZING, "all has arrived"),
    (Phase.OPTIMIZING, Phase.AVAILABLE, "checked"),
    (Phase.AVAILABLE, Phase.DELETED, "you delete it"),
    (Phase.UPLOADING, Phase.FAILED, "abandoned"),
    (Phase.OPTIMIZING, Phase.FAILED, "not what was sent"),
)


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
    """The phases from top to bottom, the failed one beside them."""
    told = "; ".join(f"from {start} to {end}: {why}" for start, end, why in STEPS)
    drawing = Drawing("life-of-a-version", "The life of a version", f"{told}. Nothing leads back.", 470)
    boxes: dict[Phase, Box] = {}
    y = 6
    for phase in (Phase.UPLOADING, Phase.OPTIMIZING, Phase.AVAILABLE, Phase.DELETED):
        css = {Phase.AVAILABLE: "dg-done", Phase.DELETED: "dg-refused"}.get(phase, "dg-question")
        boxes[phase] = drawing.box(Box(6, y, 160, phase, css))
        y += 82
    boxes[Phase.FAILED] = drawing.box(Box(304, boxes[Phase.OPTIMIZING].y, 160, Phase.FAILED, "dg-refused"))
    for start, end, why in STEPS:
        here, there = boxes[start], boxes[end]
        if end is not Phase.FAILED:
            drawing.down(here, there.y, why)
            continue
        level = here.y + 20
        corner = [] if here.y == there.y else [(there.middle, level), (there.middle, there.y - 2)]
        drawing.arrow([(166, level), *(corner or [(302, level)])], why, (174, level - 6))
    return drawing.html()
