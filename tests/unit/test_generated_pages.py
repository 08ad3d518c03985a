"""The pages that are made from the program say all that it has: commands with options, requests with fields."""

import asyncio
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner
from mkdocs_click._docs import make_command_docs

from grid_datastores.cli import cli
from grid_datastores.server.app import create_app
from grid_datastores.service import open_service
from grid_datastores.settings import Limits, Settings
from guide import operations

CLI_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def _commands(path: tuple[str, ...], command: click.Command) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _commands((*path, name), below)


@pytest.fixture(scope="module")
def command_page() -> str:
    """The part of the page that its block makes, in one line."""
    block = re.search(r"^::: mkdocs-click\n((?:    :.*\n)+)", CLI_PAGE.read_text("utf-8"), re.MULTILINE)
    assert block
    given = dict(re.findall(r":(\w+): (\S+)", block[1]))
    command = getattr(import_module(given.pop("module")), given.pop("command"))
    depth, listed = int(given.pop("depth")), given.pop("list_subcommands") == "True"
    return _flat("\n".join(make_command_docs(command=command, depth=depth, list_subcommands=listed, **given)))


@pytest.mark.proves("commands-page-is-what-help-prints", reads=["docs/reference/cli.md"])
@pytest.mark.parametrize("path", [path for path, _command in _commands((), cli)], ids=" ".join)
def test_the_page_of_commands_has_what_help_prints(command_page: str, path: tuple[str, ...]) -> None:
    printed = CliRunner().invoke(cli, [*path, "--help"], prog_name="grid", catch_exceptions=False).output
    usage, _, rest = printed.partition("Options:")
    [line] = re.findall(r"Usage: (.*)\n", usage)
    assert f"**Usage:** ```text {_flat(line)} ```" in command_page
    for option in re.split(r"\n  (?=-)", rest.partition("Commands:")[0]):
        assert _flat(option) in command_page


def _flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.proves("requests-page-is-the-description")
def test_the_page_of_requests_has_every_operation_with_its_fields(tmp_path: Path) -> None:
    described = _served(tmp_path)
    sections = dict(re.findall(r"^### `([A-Z]+ \S+)` [^\n]*\n(.*?)(?=^#|\Z)", operations.write(), re.M | re.S))
    known = {
        f"{method.upper()} {path}": one for path, all_ in described["paths"].items() for method, one in all_.items()
    }
    assert sections.keys() == known.keys()
    for request, operation in known.items():
        names = [one["name"] for one in operation.get("parameters", []) if one["in"] != "header"]
        assert all(f"| `{name}` |" in sections[request] for name in names), request
        for content in _contents(operation):
            for field in _properties(described, content.get("schema", {})):
                assert re.search(rf"`{field}` \([\w ]+\)", sections[request]), (request, field)


def _served(folder: Path) -> dict[str, Any]:
    """The description that a server answers with."""
    service = open_service(Settings(folder, folder / "data" / "catalog.sqlite", Limits()), lambda: None)

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            return await http.get("/openapi.json")

    answer = asyncio.run(asked())
    service.context.catalog.close()
    return dict(answer.json())


def _contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the body holds, and what the answer to a request that succeeds does."""
    yield from operation.get("requestBody", {}).get("content", {}).values()
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).values()


def _properties(described: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    if "$ref" not in schema:
        return []
    return list(described["components"]["schemas"][schema["$ref"].rpartition("/")[2]].get("properties", {}))


@pytest.mark.proves("tables-of-variables-are-generated", reads=["docs/reference/configuration.md"])
@pytest.mark.proves("every-reason-is-on-the-page", reads=["docs/reference/errors.md"])
@pytest.mark.proves("requests-page-is-the-description", reads=["docs/reference/operations.md"])
@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("configuration", "variables.md"),
        ("errors", "refusals.md"),
        ("operations", "operations.md"),
        ("api", "reasons.md"),
    ],
)
def test_a_page_includes_what_is_made_for_it(page: str, made: str) -> None:
    lines = (CLI_PAGE.parent / f"{page}.md").read_text("utf-8").splitlines()
    assert f'--8<-- "{made}"' in lines
