"""What pages say can be typed or asked for is there, and what is there is in the reference."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest
from built_site import words

from grid_datastores.cli import cli
from grid_datastores.server.app import create_app
from grid_datastores.service import open_service
from grid_datastores.settings import VARIABLES, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from built_site import Site
    from lxml.html import HtmlElement

_REQUEST = re.compile(r"(GET|POST|PUT|DELETE) (/v1/[^\s?]*)")


def test_the_reference_has_every_command_and_option(site: Site) -> None:
    """Everything that click knows, under the anchor of its command."""
    page = site.page("reference/cli/")
    for path, command in _commands(("grid",), cli):
        found = page.article.xpath(f".//*[@id='{'-'.join(path)}']")
        assert [words(heading) for heading in found] == [" ".join(path)]
        text = _section(found[0])
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                shown = {word.rstrip(",") for word in text.split()}
                assert {*parameter.opts, *parameter.secondary_opts} <= shown, path
            else:
                usage = found[0].xpath("following::pre[1]")[0].text_content()
                assert parameter.make_metavar(click.Context(command)) in usage.split(), path


def test_every_command_on_a_page_can_be_typed(site: Site) -> None:
    """Commands and options in the prose are known to click."""
    typed = [(page.path, line) for page in site.pages.values() for line in _typed(page.article)]
    assert len(typed) > 20
    for path, line in typed:
        command: click.Command = cli
        for word in shlex.split(line, comments=True)[1:]:
            if word == "--":  # what follows is another program's
                break
            if word.startswith("-"):
                known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
                assert word in known | {"--help", "-h"}, (path, line)
            elif isinstance(command, click.Group) and not word.isupper():
                assert word in command.commands, (path, line)
                command = command.commands[word]


def test_every_request_on_a_page_can_be_asked_for(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods and paths are those of the API."""
    monkeypatch.setenv("GRID_DIR", str(tmp_path))
    monkeypatch.delenv("GRID_DATABASE_URL", raising=False)
    service = open_service(read_settings(), wake_workers=lambda: None)
    templates = {
        (method.upper(), re.sub(r"\{\w+\}", "[^/]+", path))
        for path, operations in create_app(service).openapi()["paths"].items()
        for method in operations
    }
    service.context.catalog.close()
    asked = [
        (page.path, *found)
        for page in site.pages.values()
        if not page.path.startswith("spec/")
        for code in page.article.xpath(".//code")
        for found in _REQUEST.findall(code.text_content())
    ]
    assert len(asked) > 10
    unknown = [
        (place, method, path)
        for place, method, path in asked
        if not any(method == known and re.fullmatch(template, path) for known, template in templates)
    ]
    assert unknown == []


def test_pages_name_the_variables_that_the_software_reads(site: Site, request: pytest.FixtureRequest) -> None:
    """No other; test_docs_generated.py shows that the reference has all of them."""
    known = {variable.name for variable in VARIABLES}
    options = (request.config.rootpath / "tests" / "acceptance" / "options.py").read_text("utf-8")
    of_the_suite = set(re.findall(r"\bGRID_[A-Z_]+\b", options))
    named = {
        name for page in site.pages.values() for name in re.findall(r"\bGRID_[A-Z_]+\b", page.article.text_content())
    }
    of_runs = {name for name in named if name.startswith("GRID_DATASTORE_")}  # made of the Datastore's name
    assert named - known - of_the_suite - of_runs == set()


def _commands(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _commands((*path, name), below)


def _section(heading: HtmlElement) -> str:
    """The text from a heading to the next one."""
    parts = []
    for element in heading.itersiblings():
        if re.fullmatch(r"h\d", element.tag):
            break
        parts.append(element.text_content())
    return "\n".join(parts)


def _typed(article: HtmlElement) -> Iterator[str]:
    """Every line of the prose's code that types a grid command."""
    for code in article.xpath(
        ".//code[not(ancestor::*[contains(@class, 'language-console') or contains(@class, 'language-text')])]"
    ):
        for line in code.text_content().splitlines():
            if found := re.match(r"(?:GRID_\w+=\S* )*(grid .*)", line.strip()):
                yield found[1]
