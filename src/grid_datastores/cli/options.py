"""The options that commands share. A name or a number that cannot be one is a usage error, exit code 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from grid_datastores.domain.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from os import PathLike

    from click.shell_completion import CompletionItem

    from grid_datastores.domain.model import VersionRef
    from grid_datastores.gateway.protocol import Datastores


class VersionNumber(click.ParamType[int]):
    """A version's number; there is no default, and no word for the latest (rule no-default-version)."""

    name = "number"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or a usage error."""
        from grid_datastores.domain.naming import parse_number

        try:
            return parse_number(str(value))
        except InvalidInput as error:
            self.fail(error.message, param, ctx)

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """The numbers that the datastore has."""
        name = ctx.params.get("name") or ctx.params.get("datastore")
        return _items(lambda them: (str(v.ref.number) for v in them.versions() if v.ref.name == name), incomplete)

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002
        """What to say when it is left out."""
        return "Give the number of the version; nothing stands for the latest or all."


class DatastoreName(click.ParamType[str]):
    """A datastore's name."""

    name = "name"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """The names that there are."""
        return _items(lambda them: (version.ref.name for version in them.versions()), incomplete)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name, or a usage error."""
        from grid_datastores.domain.naming import check_name

        try:
            return check_name(value)
        except InvalidInput as error:
            self.fail(error.message, param, ctx)


class WorkloadName(click.ParamType[str]):
    """The name of a Session or a Run that there is; completes those that have not ended."""

    name = "name"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """The names that there are."""
        from grid_datastores.domain.model import WorkloadKind

        kind = WorkloadKind(self._kind)
        return _items(lambda them: (item.name for item in them.workloads(kind) if item.state.live), incomplete)


class NewFolder(click.Path):
    """The path of a folder to make."""

    def convert(
        self, value: str | PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | PathLike[str]:
        """The path, or a usage error when it is empty."""
        if value == "":
            self.fail("Give the folder to make; it is empty.", param, ctx)
        return super().convert(value, param, ctx)


class SourceLocation(click.ParamType[str]):
    """A file, a folder or an address; the shell completes files."""

    name = "source"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Left to the shell."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


def _items(ask: Callable[[Datastores], Iterable[str]], incomplete: str) -> list[CompletionItem]:
    """What there is and begins so; nothing where that cannot be had, as a shell is no place for an error."""
    from click.shell_completion import CompletionItem

    from grid_datastores.cli.target import open_to_look

    try:
        with open_to_look() as datastores:
            values = dict.fromkeys(ask(datastores)) if datastores else {}
    except Exception:
        return []
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]


def version_ref(name: str, number: int) -> VersionRef:
    """The name and number together."""
    from grid_datastores.domain.model import VersionRef

    return VersionRef(name, number)


class OnceOption(click.Option):
    """An option with one value. Given twice, it is a usage error; click alone would take the last value."""

    def __init__(self, names: Sequence[str], **attributes: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(names, multiple=True, **attributes)

    def process_value(self, ctx: click.Context, value: object) -> object:
        """The value; None when the option is not given."""
        values = super().process_value(ctx, value)
        if len(values) > 1:
            raise click.BadParameter("given more than once; give it once.", ctx=ctx, param=self)
        return values[0] if values else None


def pass_output_on(ctx: click.Context, output: str) -> None:
    """How to print, told to a group, holds for its command, unless that says something else itself."""
    name = ctx.invoked_subcommand or ""
    command = ctx.command.get_command(ctx, name) if isinstance(ctx.command, click.Group) else None
    if command and output != "text" and not any(option.name == "output" for option in command.params):
        raise click.UsageError(f"{name} prints no JSON; leave -o json out.")
    ctx.default_map = {name: {"output": output}}


name_option = click.option("--name", cls=OnceOption, type=DatastoreName(), required=True, help="Name of the datastore.")
version_option = click.option(
    "--version", cls=OnceOption, type=VersionNumber(), required=True, help="Number of the version."
)
mounted_name_option = click.option(
    "--datastore_name",
    "datastore",
    cls=OnceOption,
    type=DatastoreName(),
    required=True,
    help="Datastore to mount.",
)
mounted_version_option = click.option(
    "--datastore_version",
    "version",
    cls=OnceOption,
    type=VersionNumber(),
    required=True,
    help="Version of it to mount.",
)
output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print.", show_default=True
)
