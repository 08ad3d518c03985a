"""What the pages are made from has an answer to everything that the software can say."""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from grid_datastores.domain import naming
from grid_datastores.domain.errors import Refusal
from grid_datastores.server.app import create_app
from grid_datastores.service import open_service
from grid_datastores.settings import Limits, Settings
from guide.messages import messages
from guide.refusals import KINDS, TO_DO, table, write
from guide.values import duration, number, size, values
from living_spec.config import find_config
from living_spec.pages import find_blocks
from living_spec.spec import read_spec

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "grid_datastores"


@pytest.fixture(scope="module")
def page() -> str:
    return write()


def _all_kinds(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    yield kind
    for special in kind.__subclasses__():
        yield from _all_kinds(special)


@pytest.mark.proves("every-reason-is-on-the-page")
def test_the_catalogue_of_errors_has_every_reason_and_what_to_do(page: str) -> None:
    assert set(TO_DO) == set(KINDS) == set(_all_kinds(Refusal))
    for refusal in KINDS:
        assert f"### `{refusal.reason}`" in page


def test_no_introduction_of_examples_is_followed_by_none(page: str) -> None:
    introduced = page.split("For example:\n\n")[1:]
    assert len(introduced) == len(KINDS)
    assert [text[:60] for text in introduced if not text.startswith("- ")] == []


@pytest.mark.proves("every-reason-is-on-the-page")
def test_no_reason_is_made_up_outside_of_the_refusals() -> None:
    """The texts in capitals that look like reasons, where a JSON error is made."""
    calls = [
        node
        for path in SOURCES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "json_error"
    ]
    assert len(calls) >= 3
    for call in calls:
        _status, _code, _message, reason, _metadata = call.args
        assert isinstance(reason, ast.Attribute), ast.unparse(call)
        assert reason.attr == "reason"


async def _get(app: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path)


@pytest.mark.proves("errors-have-one-form")
@pytest.mark.parametrize(("path", "status"), [("/v1/nothing", 404), ("/v1/auth/login", 405), ("/v1/fails", 500)])
def test_what_the_api_answers_to_the_unforeseen_is_in_the_catalogue(
    tmp_path: Path, page: str, path: str, status: int
) -> None:
    service = open_service(Settings(tmp_path, tmp_path / "data" / "catalog.sqlite", Limits()), lambda: None)
    app = create_app(service)
    app.add_api_route("/v1/fails", lambda: 1 / 0)
    answer = asyncio.run(_get(app, path))
    service.context.catalog.close()
    assert answer.status_code == status
    (detail,) = answer.json()["details"]
    assert f"### `{detail['reason']}`" in page
    assert f"`{detail['reason']}`" in table()
    assert set(answer.json()) == {"code", "message", "details"}
    assert detail["message"] == answer.json()["message"]


@pytest.mark.proves("examples-are-real-messages")
def test_every_refusal_has_an_example_that_the_software_gives() -> None:
    said = messages()
    assert set(said) == set(KINDS)
    assert all(said.values())
    assert messages() == said  # the page is the same whenever it is made


@pytest.mark.proves("every-reason-is-on-the-page")
def test_the_table_of_the_api_has_every_reason_with_its_status() -> None:
    rows = re.findall(r"^\| (\d+) \| \[`([A-Z_]+)`\]", table(), re.M)
    answered = {kind.reason: kind.status for kind in KINDS}
    assert len(rows) == len({reason for _, reason in rows})
    for status, reason in rows:
        assert answered[reason] == int(status)
    left_out = set(answered) - {reason for _, reason in rows}
    assert left_out == {"REFUSED", "UPLOAD_INTERRUPTED", "UNREACHABLE", "NOT_UNDERSTOOD", "CROSS_ORIGIN_FORM"}


def test_values_read_as_prose() -> None:
    assert [duration(seconds) for seconds in (86400, 7200, 3600, 90, 1)] == [
        "a day",
        "two hours",
        "an hour",
        "90 seconds",
        "a second",
    ]
    assert [number(count) for count in (0, 10, 63, 1_000_000)] == ["no", "ten", "63", "1,000,000"]
    assert [size(count) for count in (5 * 1024**3, 1536 * 1024, 7)] == ["5 GiB", "1,536 KiB", "7 bytes"]


@pytest.mark.proves("pages-take-values-from-the-code")
def test_values_are_those_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "MAX_NAME_LENGTH", 99)
    assert values()["max-name"] == "99"


@pytest.mark.proves("guide-is-built-from-the-spec")
def test_the_guide_takes_rules_and_output_from_the_spec() -> None:
    """Pages do not type them: every rule stands in a block, and so does the output of every command.

    The outputs on one page need a damaged folder: `test_code_of_pages.py` compares them with those of the commands.
    """
    spec = read_spec(find_config(ROOT))
    prose = spec.config.prose
    assert prose
    texts = [page.read_text("utf-8") for page in prose.files() if page.is_relative_to(ROOT / "docs")]
    blocks = [block for text in texts for block in find_blocks(text.splitlines())]
    assert {block.arguments[0] for block in blocks if block.name == "rule"} == set(spec.rules)
    typed = " ".join(" ".join(texts).split())
    assert [rule.id for rule in spec.rules.values() if rule.sentence in typed] == []
    compared = (ROOT / "docs/how-to/back-up.md").read_text("utf-8")
    code = re.findall(r"^```.*?^```", "\n".join(set(texts) - {compared}), re.MULTILINE | re.DOTALL)
    assert [one for one in code if re.search(r"^\$ |^Error: |^(Created|Deleted) version", one, re.MULTILINE)] == []
    assert {"transcript", "exchange", "screenshot", "scenario"} <= {block.name for block in blocks}
