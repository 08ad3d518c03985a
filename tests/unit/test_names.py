"""The check of names: what it finds in a page, and that this tree is clean."""

from __future__ import annotations

from pathlib import Path

import pytest

import names


@pytest.fixture(scope="module")
def known() -> names.Known:
    return names.known()


@pytest.mark.proves("names-exist")
@pytest.mark.parametrize(
    "span",
    [
        "grid datastore delete --name NAME --version VERSION",
        "grid datastore",
        "GRID_URL= grid datastore",
        "GRID_UPLOAD_EXPIRY",
        "DELETE /v1/core/local/datastores/ID",
        "GET /v1/core/local/datastores?name=NAME&version=VERSION",
        '{"spec": {"desiredState": "RUN_STATE_SUCCEEDED"}}',
        "DATASTORE_IN_USE",
        "uploading",
        "mayHaveCopies",
        "make test-fast",
        "make defects DEFECTS=DEFECT",
        "domain/rules.py:check_deletable",
        "features/sources.feature",
        ".venv/bin/pytest tests/acceptance --rule ID",
        "--dry-run",
    ],
)
def test_what_exists_is_known(known: names.Known, span: str) -> None:
    assert known.has(span)


@pytest.mark.proves("names-exist")
@pytest.mark.parametrize(
    "span",
    [
        "grid datastore delete --all-versions",
        "grid datastore undelete",
        "GRID_UPLOAD_EXPIRE",
        "GRID_ULR= grid datastore",
        "DELETE /v1/core/local/datastore/ID",
        "PUT /v1/core/local/datastores/ID/deletion",
        "GET /v1/core/local/datastores?nome=NAME",
        '{"spec": {"desiredStat": "RUN_STATE_SUCCEEDED"}}',
        '{"spec": {"desiredState": "RUN_STATE_DONE"}}',
        "DATASTORE_USED",
        "uploadin",
        "make test-quick",
        "domain/rules.py:check_undeletable",
        "features/source.feature",
        ".venv/bin/pytest tests/acceptance --rules ID",
        "--dry",
    ],
)
def test_what_does_not_exist_is_not(known: names.Known, span: str) -> None:
    assert not known.has(span)


def test_a_span_is_found_with_its_line_and_code_blocks_are_left_out(known: names.Known) -> None:
    page = "# Title\n\n```bash\n`nothing`\n```\n\nSee `GRID_DIR`,\nor `grid undo`.\n"
    assert list(names.unknown(page, known)) == [(8, "grid undo")]


@pytest.mark.proves("names-that-are-listed")
def test_the_list_has_examples_that_no_source_has(
    known: names.Known, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert known.has("my-training-data")
    (tmp_path / "empty.toml").touch()
    monkeypatch.setattr(names, "LIST", tmp_path / "empty.toml")
    assert not names.known().has("my-training-data")
