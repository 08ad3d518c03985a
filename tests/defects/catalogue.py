"""The defects: each breaks one rule, by changes at public seams of the implementation while the process runs."""

from defects import access, deletion, pages, uploads, use, versions  # noqa: F401 - each registers its own
from defects.registry import CATALOGUE, Defect

__all__ = ["CATALOGUE", "Defect", "apply"]


def apply(id_: str) -> None:
    """Put the defect with this id into this process; StopIteration where there is none."""
    next(defect for defect in CATALOGUE if defect.id == id_).apply()
