"""The defects: each breaks one rule, by replacing one function of the implementation while the process runs."""

from defects import access, deletion, pages, uploads, use, versions  # noqa: F401 - each registers its own
from defects.registry import CATALOGUE, Defect

__all__ = ["CATALOGUE", "Defect"]
