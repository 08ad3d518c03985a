"""Check that what the pages name in code exists: commands, options, requests, JSON keys, variables, files and states.

    python tools/names.py        (part of `make checks`)

Prints FILE:LINE: the span with a name that nothing has; exit code 1 if there is one. `names.toml` beside this file
lists what is right and in no source, such as examples and names of other software.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from grid_datastores import settings
from grid_datastores.cli.main import cli as grid
from grid_datastores.domain import errors, model
from guide.operations import openapi
from living_spec.cli import main as living_spec
from living_spec.config import read_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_name("names.toml")

_FENCE = re.compile(r"^[ \t]*(```|~~~).*?^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(`+)(.+?)\1(?!`)", re.DOTALL)
_REQUEST = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/[^?\s]*)(?:\?(\S+))?")
_OPTION = re.compile(r"--?[a-z][a-z_-]*")
_ASSIGNMENT = re.compile(r"([A-Z][A-Z_]+)=\S*")
_KEY = re.compile(r'"(\w+)":')
_STATE = re.compile(r"\b[A-Z]+_STATE_[A-Z]+\b")
_FOLDERS = ("", "src/grid_datastores", "docs", "build")


@dataclass(frozen=True)
class Known:
    """What the sources have: commands as paths of words with their options, requests, and all other words."""

    commands: Mapping[str, frozenset[str]]
    options: frozenset[str]
    requests: frozenset[tuple[str, str]]
    words: frozenset[str]
    targets: frozenset[str]

    def has(self, span: str) -> bool:
        """Whether every name in the span is known."""
        words = span.split()
        while words and (given := _ASSIGNMENT.fullmatch(words[0])):
            if given[1] not in self.words:
                return False
            words = words[1:]
        if not words or " ".join(words) in self.words:
            return True
        program = words[0].removeprefix(".venv/bin/")
        if program in ("grid", "living-spec"):
            return self._command(program, words[1:])
        if program == "pytest":
            return all(word in self.options for word in words if _OPTION.fullmatch(word) and len(word) > len("-k"))
        if program == "make":
            return all(word in self.targets or _ASSIGNMENT.fullmatch(word) for word in words[1:])
        if request := _REQUEST.fullmatch(span):
            return self._request(*request.groups())
        if parameter := re.fullmatch(r"(\w+)=\w+", span):
            return parameter[1] in self.words
        if words[0].startswith("-"):
            return words[0] in self.options
        if span.startswith(("{", '"')):
            return set(_KEY.findall(span)) <= self.words and set(_STATE.findall(span)) <= self.words
        return _in_tree(span)

    def _command(self, program: str, words: list[str]) -> bool:
        path = program
        while words and f"{path} {words[0]}" in self.commands:
            path, words = f"{path} {words[0]}", words[1:]
        if words and words[0].islower() and words[0].isalpha() and f"{path} *" in self.commands:
            return False  # a command that the group does not have
        return all(word in self.commands[path] for word in words if _OPTION.fullmatch(word))

    def _request(self, method: str, path: str, query: str | None) -> bool:
        shape = tuple("{}" if part.isupper() or part.startswith("{") else part for part in path.split("/"))
        if (method, "/".join(shape)) not in self.requests:
            return False
        return all(part.partition("=")[0] in self.words for part in (query or "").split("&") if part)


def known() -> Known:
    """What the sources of this project have."""
    commands = dict(_commands("grid", grid)) | dict(_commands("living-spec", living_spec))
    described = openapi()
    listed = tomllib.loads(LIST.read_text("utf-8"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return Known(
        commands=commands,
        options=frozenset(option for options in commands.values() for option in options) | _pytest_options(),
        requests=frozenset(_requests(described)),
        words=frozenset(
            {
                *(variable.name for variable in settings.VARIABLES),
                *(one.reason for one in errors.Refusal.__subclasses__()),
                *(one.value for one in (*model.Phase, *model.WorkloadState, *model.SourceKind)),
                *_described(described),
                *(path.rpartition(" ")[2] for path in commands),
                *read_config(ROOT).surfaces,
                *_literals(),
                *_defects(),
                *(name for names in listed.values() for name in names),
            }
        ),
        targets=frozenset(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)),
    )


def unknown(text: str, names: Known) -> Iterator[tuple[int, str]]:
    """The spans with unknown names in a page, each with its line from 1."""
    text = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _SPAN.finditer(text):
        span = " ".join(match[2].split())
        if not names.has(span):
            yield text.count("\n", 0, match.start()) + 1, span


def pages() -> Iterable[Path]:
    """All pages but the changelog, which also speaks of what is gone."""
    return [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.stem != "changelog")]


def main() -> int:
    """Check all pages, and print what is unknown."""
    names = known()
    found = [(page, *place) for page in pages() for place in unknown(page.read_text("utf-8"), names)]
    for page, line, span in found:
        print(
            f"{page.relative_to(ROOT)}:{line}: Nothing here is called `{span}`. Correct it, or list it in names.toml."
        )
    return 1 if found else 0


def _commands(path: str, command: click.Command) -> Iterator[tuple[str, frozenset[str]]]:
    with click.Context(command) as context:
        options = [name for one in command.get_params(context) for name in (*one.opts, *one.secondary_opts)]
        yield path, frozenset(option for option in options if option.startswith("-"))
        if isinstance(command, click.Group):
            yield f"{path} *", frozenset()
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from _commands(f"{path} {name}", found)


def _requests(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, methods in described["paths"].items():
        for method in methods:
            yield method.upper(), re.sub(r"\{[^}]*\}", "{}", path.replace("/{clusterId}/", "/local/"))


def _described(node: object) -> Iterator[str]:
    """The names of properties, parameters and states in the description of the API."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
        yield from (str(value) for value in node.get("enum", ()))
        if isinstance(node.get("name"), str):
            yield node["name"]
        for value in node.values():
            yield from _described(value)
    elif isinstance(node, list):
        for value in node:
            yield from _described(value)


def _pytest_options() -> frozenset[str]:
    """The options that the plugin and the acceptance run add to pytest."""
    sources = [*(ROOT / "src/living_spec").glob("pytest_plugin.py"), *(ROOT / "tests/acceptance").glob("*.py")]
    return frozenset(option for path in sources for option in re.findall(r'"(--[a-z-]+)"', path.read_text("utf-8")))


def _literals() -> Iterator[str]:
    """The texts in the sources: headers, fields, files, labels of output."""
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
                yield from _STATE.findall(node.value)


def _defects() -> Iterator[str]:
    for path in (ROOT / "tests/defects").glob("*.py"):
        yield from (name.replace("_", "-") for name in re.findall(r"^def (\w+)\(", path.read_text("utf-8"), re.M))


def _in_tree(span: str) -> bool:
    """Whether the span is a file or folder, or `FILE:NAME` for something that the file defines."""
    path, _, name = span.partition(":")
    if not re.fullmatch(r"[\w./-]+", path):
        return False
    for folder in _FOLDERS:
        file = ROOT / folder / path
        if name and file.is_file():
            return all(re.search(rf"(def|class) {part}\b", file.read_text("utf-8")) for part in name.split("."))
        if not name and ("/" in path or "." in path) and file.exists():
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
