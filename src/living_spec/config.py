"""The project's configuration: `[tool.living-spec]` in its pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from living_spec.config_table import SpecError, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "Config",
    "Edition",
    "Guide",
    "SpecError",
    "display_path",
    "find_config",
    "read_config",
    "read_source",
    "unknown",
    "with_register",
]


@dataclass(frozen=True)
class Edition:
    """An edition of the product: its name, and a sentence that says what it is."""

    name: str
    description: str


@dataclass(frozen=True)
class Guide:
    """The pages for users, which cite every rule: all below `pages`, except those in the files and folders `spec`.

    The guide speaks of the reader's edition only; the pages of the spec speak of all editions.
    """

    pages: Path
    spec: tuple[Path, ...]

    def has(self, page: Path) -> bool:
        """Whether a page belongs to the guide."""
        return page.is_relative_to(self.pages) and not any(page.is_relative_to(top) for top in self.spec)


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
        """The first number, code or factual word of a sentence, which makes it a fact; None if it has none."""
        words = "".join(rf"|\b{re.escape(word)}\b" for word in self.factual)
        found = re.search(rf"`[^`]+`|\d+{words}", sentence, re.IGNORECASE)
        return found[0] if found else None


@dataclass(frozen=True)
class Config:
    """The paths of the spec, its pages and its evidence; surfaces as id -> name and editions by id, in order.

    `digest` are the files and folders whose changes make evidence stale, besides the features and the tests. `tests` is
    the folder of the tests that run the scenarios, `defects` the file with the results of defects. Both are None if the
    project has none.
    """

    root: Path
    features: Path
    pages: Path
    evidence: Path
    issues: Path
    digest: tuple[Path, ...]
    surfaces: Mapping[str, str]
    editions: Mapping[str, Edition]
    guide: Guide
    tests: Path | None
    defects: Path | None
    prose: Prose | None = None

    @property
    def first_edition(self) -> str:
        """The id of the edition that pages show by default."""
        return next(iter(self.editions))


def with_register(config: Config, folder: Path | None) -> Config:
    """The configuration with the known issues of another folder, if one is given.

    Raises SpecError if that folder does not exist.
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
    """The path, relative to the working folder if it is inside."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def read_source(path: Path) -> str:
    """The text of a file of the project. Raises SpecError if it is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{display_path(path)} is not UTF-8 text: {error.reason}. Save it as UTF-8.") from error


def find_config(start: Path) -> Config:
    """Read the configuration of the project that contains `start`; raises SpecError if there is none.

    >>> find_config(Path.cwd()).surfaces  # doctest: +SKIP
    {'api': 'API', 'cli': 'CLI'}
    """
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return read_config(folder)
    raise SpecError(f"There is no pyproject.toml in {start} or in a folder above it. Run this inside the project.")


def read_config(root: Path) -> Config:
    """Read `[tool.living-spec]` from the pyproject.toml in `root`.

    Raises SpecError if it is incomplete, has an unknown key, or names a path that does not exist.
    """
    table = Table(_pyproject(root).get("tool", {}), "tool", root).table("living-spec")
    features = table.folder("features")
    if not any(features.rglob("*.feature")):
        raise SpecError(f"[tool.living-spec] 'features' names {features}, which has no .feature file. Add one.")
    pages = table.folder("pages")
    issues = table.folder("issues") if table.has("issues") else pages / "known-issues"
    config = Config(
        root=root,
        features=features,
        pages=pages,
        evidence=table.path("evidence"),
        issues=issues,
        digest=_digest(table),
        surfaces=table.table("surfaces").names(),
        editions=_editions(table.table("editions")),
        guide=Guide(pages, (issues, *(table.all_existing("spec") if table.has("spec") else ()))),
        tests=table.existing("tests") if table.has("tests") else None,
        defects=table.existing("defects") if table.has("defects") else None,
        prose=_prose(table, root, pages),
    )
    table.finish()
    return config


def _pyproject(root: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{root / 'pyproject.toml'} is not valid TOML: {error}.") from error


def _digest(table: Table) -> tuple[Path, ...]:
    paths = table.all_existing("digest")
    if not paths:
        raise SpecError("[tool.living-spec] 'digest' is empty, so evidence would never be stale. Name the sources.")
    return paths


def _editions(table: Table) -> dict[str, Edition]:
    """The editions by id. Each is a table with a name and a description."""
    found = {}
    for id_ in table.ids():
        edition = table.table(id_)
        found[id_] = Edition(edition.text("name"), edition.text("description"))
        edition.finish()
    return found


def _prose(table: Table, root: Path, pages: Path) -> Prose | None:
    """The pages whose sentences need proofs, or None if they have no table."""
    if not table.has("prose"):
        return None
    prose = table.table("prose")
    found = Prose(
        root=root,
        base=pages,
        pages=prose.all_existing("pages"),
        bindings=prose.path("bindings"),
        tests=prose.all_existing("tests"),
        values=prose.path("values") if prose.has("values") else None,
        factual=prose.texts("factual"),
    )
    prose.finish()
    return found
