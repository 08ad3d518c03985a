"""The project's configuration: `[tool.living-spec]` in its pyproject.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from click import ClickException

if TYPE_CHECKING:
    from collections.abc import Mapping


class SpecError(ClickException):
    """What is wrong with the spec, its pages or its configuration, in one sentence.

    Commands made with click end with that sentence: `living-spec` and the builders of the site.
    """


@dataclass(frozen=True)
class Guide:
    """The pages that tell users what holds, and the words by which a sentence there claims to.

    `normative` words make a sentence of the guide one that needs a rule; on other pages they do so only in a sentence
    that has one of the words `about`, too.
    """

    pages: tuple[Path, ...]
    normative: tuple[str, ...]
    about: tuple[str, ...]

    def has(self, page: Path) -> bool:
        """Whether a page belongs to the guide."""
        return any(page == top or top in page.parents for top in self.pages)


@dataclass(frozen=True)
class Config:
    """Where the spec, its pages and its evidence lie; surfaces and editions are id -> name, in order.

    `tests` are those of the scenarios, with their steps; None where there are none yet. `defects` is the file that says
    which defects the run was seen to notice; None where there is none.
    """

    root: Path
    features: Path
    pages: Path
    evidence: Path
    issues: Path
    digest: tuple[Path, ...]
    surfaces: Mapping[str, str]
    editions: Mapping[str, str]
    guide: Guide
    tests: Path | None
    defects: Path | None

    @property
    def first_edition(self) -> str:
        """The edition that pages speak of unless they say otherwise."""
        return next(iter(self.editions))


def with_register(config: Config, folder: Path | None) -> Config:
    """The same project with the known issues of another folder, if one is given."""
    if folder is None:
        return config
    if not folder.is_dir():
        raise SpecError(f"There is no folder {folder} of known issues.")
    return replace(config, issues=folder.resolve())


def shown(path: Path) -> str:
    """A path as people type it: from the working folder on, where it lies in it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def find_config(start: Path) -> Config:
    """Read the configuration of the project that `start` lies in.

    >>> find_config(Path.cwd()).surfaces  # doctest: +SKIP
    {'api': 'API', 'cli': 'CLI'}
    """
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return read_config(folder)
    raise SpecError(f"No pyproject.toml in {start} or above it: run this inside the project.")


def read_config(root: Path) -> Config:
    """Read `[tool.living-spec]` from the pyproject.toml in `root`."""
    tools = _table(tomllib.loads((root / "pyproject.toml").read_text("utf-8")), "tool", root)
    table = _table(tools, "living-spec", root)
    return Config(
        root=root,
        features=root / _text(table, "features"),
        pages=root / _text(table, "pages"),
        evidence=root / _text(table, "evidence"),
        issues=root / (_text(table, "issues") if "issues" in table else f"{_text(table, 'pages')}/known-issues"),
        digest=tuple(root / path for path in _texts(table, "digest")),
        surfaces=_names(table, "surfaces", root),
        editions=_names(table, "editions", root),
        guide=_guide(table, root),
        tests=root / _text(table, "tests") if "tests" in table else None,
        defects=root / _text(table, "defects") if "defects" in table else None,
    )


def _guide(table: Mapping[str, object], root: Path) -> Guide:
    """All pages, and no words, where nothing is said of the guide."""
    if "guide" not in table:
        return Guide((root / _text(table, "pages"),), (), ())
    guide = _table(table, "guide", root)
    pages = tuple(root / path for path in _texts(guide, "pages"))
    return Guide(pages, _texts(guide, "normative"), _texts(guide, "about"))


def _table(parent: Mapping[str, object], key: str, root: Path) -> Mapping[str, object]:
    table = parent.get(key)
    if not isinstance(table, dict):
        raise SpecError(f"{root / 'pyproject.toml'} has no table {key!r} for living-spec.")
    return table


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise SpecError(f"[tool.living-spec] needs {key!r}, a path in the project.")
    return value


def _texts(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = table.get(key)
    if not isinstance(value, list):
        raise SpecError(f"[tool.living-spec] needs {key!r}, a list of paths in the project.")
    return tuple(str(item) for item in value)


def _names(table: Mapping[str, object], key: str, root: Path) -> Mapping[str, str]:
    names = {id_: str(name) for id_, name in _table(table, key, root).items()}
    if not names:
        raise SpecError(f"[tool.living-spec.{key}] names none.")
    return names
