"""The options that commands share. A name or a number that cannot be one is a usage error, exit code 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click

from grid_datastores.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., object]")


class VersionNumber(click.ParamType[int]):
    """A version's number; there is no default, and no word for the latest (rule no-default-version)."""

    name = "number"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or a usage error."""
        from grid_datastores.rules import parse_number

        try:
            return parse_number(str(value))
        except InvalidInput as error:
            self.fail(error.message, param, ctx)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002
        """What to say when it is left out."""
        return "Give the number of the version; nothing stands for the latest or all."


class DatastoreName(click.ParamType[str]):
    """A datastore's name."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, or a usage error."""
        from grid_datastores.rules import check_name

        try:
            return check_name(value)
        except InvalidInput as error:
            self.fail(error.message, param, ctx)


def once(_ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> str | None:
    """The one value of an option; where it is given twice, no value is better than a wrong one."""
    if len(values) > 1:
        raise click.BadParameter("given more than once; give it once.", param=param)
    return values[0] if values else None


name_option = click.option(
    "--name", type=DatastoreName(), required=True, multiple=True, callback=once, help="Name of the datastore."
)
version_option = click.option(
    "--version", type=VersionNumber(), required=True, multiple=True, callback=once, help="Number of the version."
)
output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print.", show_default=True
)
