"""Values in prose: `{{ upload-expiry }}` in a page is replaced by the value from the code.

The project writes them into a JSON file, name -> text, before it checks or builds its pages.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from living_spec.config import SpecError, display_path
from living_spec.text import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from living_spec.config import Prose

_VALUE = re.compile(r"\{\{ ([a-z][a-z0-9-]*) \}\}")


def read_values(prose: Prose) -> Mapping[str, str]:
    """The values by name; none if the project has no file of values. Raises SpecError for a damaged file."""
    if prose.values is None:
        return {}
    try:
        return {str(name): str(text) for name, text in json.loads(prose.values.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise SpecError(f"{display_path(prose.values)} cannot be read as values: {error}.") from error


def value_names(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The names of values in a page, with their lines from 1."""
    for number, line in enumerate(lines, 1):
        for match in _VALUE.finditer(line):
            yield number, match[1]


def with_values(text: str, values: Mapping[str, str]) -> str:
    """The text with its values; raises SpecError for an unknown name.

    >>> with_values("It expires after {{ expiry }}.", {"expiry": "a day"})
    'It expires after a day.'
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise SpecError(f"There is no value {match[1]!r}.{suggestion(match[1], values)}")
        return values[match[1]]

    return _VALUE.sub(value, text)
