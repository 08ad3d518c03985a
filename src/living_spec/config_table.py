"""Reads a table of the configuration key by key. A missing, unknown or invalid entry is an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from click import ClickException

from living_spec.text import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ID = re.compile(r"[\w.-]*\w[\w.-]*")  # it becomes the name of a folder


class SpecError(ClickException):
    """A mistake in the spec, its pages or its configuration.

    `living-spec` and the builders of the site use click, so they print its message and exit with 1.
    """


class Table:
    """A table of pyproject.toml. Methods raise SpecError for a value of a wrong type or a path that does not exist."""

    def __init__(self, values: Mapping[str, object], name: str, root: Path) -> None:
        self._values = values
        self._name = name
        self._root = root
        self._read: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the table has this key."""
        self._read.add(key)
        return key in self._values

    def table(self, key: str) -> Table:
        """The table under this key."""
        value = self._values.get(key)
        name = f"{self._name}.{key}"
        self._read.add(key)
        if not isinstance(value, dict):
            raise SpecError(f"{self._root / 'pyproject.toml'} has no table [{name}]. Add it.")
        return Table(value, name, self._root)

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of strings under this key."""
        value = self._values[key] if self.has(key) else self._wrong(key, "is missing. It must be a list of strings")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._wrong(key, "must be a list of strings")
        return tuple(value)

    def text(self, key: str) -> str:
        """The string under this key."""
        value = self._values[key] if self.has(key) else self._wrong(key, "is missing. It must be a string")
        return value if isinstance(value, str) else self._wrong(key, "must be a string")

    def ids(self) -> tuple[str, ...]:
        """The keys of the table, which are ids."""
        for id_ in self._values:
            if not _ID.fullmatch(id_):
                self._wrong(id_, "is not a valid id. Use letters, digits, '-', '_' and '.'")
        if not self._values:
            raise SpecError(f"[{self._name}] is empty. Add at least one entry.")
        return tuple(self._values)

    def names(self) -> dict[str, str]:
        """All keys and values of the table, which are ids and names."""
        for id_, name in self._values.items():
            if not isinstance(name, str):
                self._wrong(id_, "must be a string: a name")
        return {id_: str(self._values[id_]) for id_ in self.ids()}

    def path(self, key: str) -> Path:
        """A path in the project. The file or folder may not exist yet."""
        value = self._values[key] if self.has(key) else self._wrong(key, "is missing. It must be a path in the project")
        return self._root / value if isinstance(value, str) else self._wrong(key, "must be a string: a path")

    def existing(self, key: str) -> Path:
        """A path of a file or folder that exists."""
        return self._existing(key, self.path(key))

    def folder(self, key: str) -> Path:
        """A path of a folder that exists."""
        path = self.existing(key)
        return path if path.is_dir() else self._wrong(key, f"must be a folder, but {path} is a file")

    def all_existing(self, key: str) -> tuple[Path, ...]:
        """Paths of files and folders that exist."""
        return tuple(self._existing(key, self._root / name) for name in self.texts(key))

    def finish(self) -> None:
        """Raise SpecError for a key that was never read."""
        for key in self._values:
            if key not in self._read:
                raise SpecError(
                    f"[{self._name}] has no key {key!r}.{suggestion(key, self._read)} Correct or remove it."
                )

    def _existing(self, key: str, path: Path) -> Path:
        if not path.exists():
            self._wrong(key, f"names {path}, which does not exist")
        if not path.resolve().is_relative_to(self._root.resolve()):
            self._wrong(key, f"names {path}, which is outside the project")
        return path

    def _wrong(self, key: str, what: str) -> NoReturn:
        raise SpecError(f"[{self._name}] {key!r} {what}. Correct it in {self._root / 'pyproject.toml'}.")
