"""The project's configuration: `[tool.living-spec]` in its pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from click import ClickException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class SpecError(ClickException):
    """A mistake in the spec, its pages or its configuration.

    Commands made with click, `living-spec` and the builders of the site, print its message and exit with 1.
    """


@dataclass(frozen=True)
class Guide:
    """The pages for users, and the words that make a sentence a claim, which needs a rule.

    In the guide a claim has one of the `normative` words. On other pages it has one of the words `about`, too.
    """

    pages: tuple[Path, ...]
    normative: tuple[str, ...]
    about: tuple[str, ...]

    def has(self, page: Path) -> bool:
        """Whether a page belongs to the guide."""
        return any(page == top or top in page.parents for top in self.pages)


@dataclass(frozen=True)
class Prose:
    """The pages whose sentences need proofs, and what proves them.

    `pages` are files and folders; `base` is the folder of pages, which the folder `bindings` mirrors. `tests` are the
    folders whose tests can prove facts; `values` the file of values from the code. A sentence with a number, code or
    one of the words `factual` states a fact.
    """

    root: Path
    base: Path
    pages: tuple[Path, ...]
    bindings: Path
    tests: tuple[Path, ...]
    values: Path | None
    factual: tuple[str, ...]

    def files(self) -> Iterator[Path]:
        """All pages, in the order of the configuration."""
        for top in self.pages:
            yield from [top] if top.is_file() else sorted(top.rglob("*.md"))

    def states_a_fact(self, sentence: str) -> str | None:
        """What makes a sentence a fact: its first number, code or factual word; None where it has none."""
        words = "".join(rf"|\b{re.escape(word)}\b" for word in self.factual)
        found = re.search(rf"`[^`]+`|\d+{words}", sentence, re.IGNORECASE)
        return found[0] if found else None


@dataclass(frozen=True)
class Config:
    """The paths of the spec, its pages and its evidence; surfaces and editions as id -> name, in order.

    `digest` are the files and folders whose changes make evidence stale. `tests` is the folder of the tests that run
    the scenarios, `defects` the file with the results of defects; None where the project has none.
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
    prose: Prose | None = None

    @property
    def first_edition(self) -> str:
        """The id of the edition that pages show by default."""
        return next(iter(self.editions))


def with_register(config: Config, folder: Path | None) -> Config:
    """The configuration with the known issues of another folder, where one is given.

    Raises SpecError where that folder does not exist.
    """
    if folder is None:
        return config
    if not folder.is_dir():
        raise SpecError(f"There is no folder {folder}. Give the folder with the pages of known issues.")
    return replace(config, issues=folder.resolve())


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is none of the known ones."""
    return f"There is no {what} {name!r}. Choose one of: {', '.join(known)}."


def display_path(path: Path) -> str:
    """The path relative to the working folder, where it is inside; otherwise as it is."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def find_config(start: Path) -> Config:
    """Read the configuration of the project that contains `start`; raises SpecError where there is none.

    >>> find_config(Path.cwd()).surfaces  # doctest: +SKIP
    {'api': 'API', 'cli': 'CLI'}
    """
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return read_config(folder)
    raise SpecError(f"There is no pyproject.toml in {start} or in a folder above it. Run this inside the project.")


def read_config(root: Path) -> Config:
    """Read `[tool.living-spec]` from the pyproject.toml in `root`; raises SpecError where it is incomplete."""
    tools = tomllib.loads((root / "pyproject.toml").read_text("utf-8")).get("tool", {})
    table = _table(tools, "living-spec", "tool.living-spec", root)
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
        prose=_prose(table, root),
    )


def _prose(table: Mapping[str, object], root: Path) -> Prose | None:
    """The pages whose sentences need proofs; None without a table for them."""
    if "prose" not in table:
        return None
    prose = _table(table, "prose", "tool.living-spec.prose", root)
    return Prose(
        root=root,
        base=root / _text(table, "pages"),
        pages=tuple(root / path for path in _texts(prose, "pages")),
        bindings=root / _text(prose, "bindings"),
        tests=tuple(root / path for path in _texts(prose, "tests")),
        values=root / _text(prose, "values") if "values" in prose else None,
        factual=_texts(prose, "factual"),
    )


def _guide(table: Mapping[str, object], root: Path) -> Guide:
    """The guide; without a table for it, all pages, and no words that make a claim."""
    if "guide" not in table:
        return Guide((root / _text(table, "pages"),), (), ())
    guide = _table(table, "guide", "tool.living-spec.guide", root)
    pages = tuple(root / path for path in _texts(guide, "pages"))
    return Guide(pages, _texts(guide, "normative"), _texts(guide, "about"))


def _table(parent: Mapping[str, object], key: str, name: str, root: Path) -> Mapping[str, object]:
    table = parent.get(key)
    if not isinstance(table, dict):
        raise SpecError(f"{root / 'pyproject.toml'} has no table [{name}]. Add it.")
    return table


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str):
        raise SpecError(f"[tool.living-spec] has no {key!r}. Set it to a path in the project.")
    return value


def _texts(table: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = table.get(key)
    if not isinstance(value, list):
        raise SpecError(f"[tool.living-spec] has no list {key!r}. Add it.")
    return tuple(str(item) for item in value)


def _names(table: Mapping[str, object], key: str, root: Path) -> Mapping[str, str]:
    names = {id_: str(name) for id_, name in _table(table, key, f"tool.living-spec.{key}", root).items()}
    if not names:
        raise SpecError(f"[tool.living-spec.{key}] is empty. Add one entry at least.")
    return names
