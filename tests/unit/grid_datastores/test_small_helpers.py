"""Whole numbers as typed, errors of the operating system in words, options that are given once."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import grid_datastores
from grid_datastores.cli import cli
from grid_datastores.cli.options import OnceOption
from grid_datastores.domain.errors import InvalidInput
from grid_datastores.domain.naming import whole_number
from grid_datastores.domain.text import os_reason, os_sentence

SOURCES = Path(grid_datastores.__file__).parent


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("007", 7), ("999999999", 999_999_999)])
def test_a_whole_number(text: str, number: int) -> None:
    assert whole_number(text, "size") == number


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "-1", "1.0", "1_000", "1e3", "0x1", "²", "٣", "1000000000", "9" * 99]
)
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"^size is .*\. It must be a whole number from 0 to 999999999\.$"
    ) as refused:
        whole_number(text, "size")
    assert len(refused.value.message) < 100


def test_a_whole_number_below_the_least_is_refused() -> None:
    assert whole_number("1", "GRID_QUOTA", minimum=1) == 1
    with pytest.raises(InvalidInput, match=r"^GRID_QUOTA is '0'\. It must be a whole number from 1 to 999999999\.$"):
        whole_number("0", "GRID_QUOTA", minimum=1)


def test_an_error_of_the_operating_system_in_words(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(FileNotFoundError) as raised:
        missing.read_bytes()
    assert os_reason(raised.value) == "no such file or directory"
    assert os_sentence(raised.value) == f"No such file or directory: {missing}."
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert os_sentence(full) == "No space left on device."
    assert os_sentence(OSError("odd")) == "Odd."


def test_nothing_else_puts_these_errors_into_words() -> None:
    users = [path.name for path in SOURCES.rglob("*.py") if re.search(r"(?<!os)\.strerror", path.read_text("utf-8"))]
    assert users == ["text.py"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--name", "a", "--name", "b"], "Invalid value for '--name': Give this option only once."),
        (["--name", "a", "--name", "a"], "Invalid value for '--name': Give this option only once."),
        ([], "Missing option '--name'"),
    ],
)
def test_an_option_has_one_value(words: list[str], said: str) -> None:
    done = CliRunner().invoke(_command(required=True), words)
    assert done.exit_code == 2
    assert said in done.output


def test_an_option_that_may_be_left_out() -> None:
    assert CliRunner().invoke(_command(required=False), []).output == "None\n"
    assert CliRunner().invoke(_command(required=False), ["--name", "a"]).output == "'a'\n"


def _command(*, required: bool) -> click.Command:
    @click.command()
    @click.option("--name", cls=OnceOption, required=required)
    def show(name: str | None) -> None:
        click.echo(repr(name))

    return show


def test_only_a_delete_takes_several_values() -> None:
    several = [
        (path, option.name)
        for path, command in _commands("grid", cli)
        for option in command.params
        if isinstance(option, click.Option) and option.multiple and not isinstance(option, OnceOption)
    ]
    assert several == [("grid datastore delete", "versions")]


def _commands(path: str, command: click.Command) -> list[tuple[str, click.Command]]:
    below = command.commands.items() if isinstance(command, click.Group) else ()
    return [(path, command), *(found for name, one in below for found in _commands(f"{path} {name}", one))]
