"""The options that commands share. An invalid name or number is a usage error, exit code 2."""

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
    """A version's number. There is no default and no "latest" (rule no-default-version)."""

    name = "number"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or fail with a usage error."""
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
        """Complete the numbers of the datastore's versions."""
        name = ctx.params.get("name") or ctx.params.get("datastore")
        return _complete(
            lambda opened: (str(version.ref.number) for version in opened.versions(name)) if name else (), incomplete
        )

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Return the message for a missing number."""
        return 'Give the number of the version. There is no "latest" or "all".'


class DatastoreName(click.ParamType[str]):
    """The name of a datastore."""

    name = "name"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the names of the user's datastores."""
        return _complete(lambda opened: (version.ref.name for version in opened.versions()), incomplete)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, or fail with a usage error."""
        from grid_datastores.domain.naming import check_name

        try:
            return check_name(value)
        except InvalidInput as error:
            self.fail(error.message, param, ctx)


class WorkloadName(click.ParamType[str]):
    """The name of an existing Session or Run."""

    name = "name"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the names of the workloads that have not ended."""
        from grid_datastores.domain.model import WorkloadKind

        kind = WorkloadKind(self._kind)
        return _complete(lambda opened: (item.name for item in opened.workloads(kind, live=True)), incomplete)


class NewFolder(click.Path):
    """The path of a folder to create."""

    def convert(
        self, value: str | PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | PathLike[str]:
        """Return the path, or fail with a usage error if it is empty."""
        if value == "":
            self.fail("The folder name is empty. Give the name of a new folder.", param, ctx)
        return super().convert(value, param, ctx)


class SourceLocation(click.ParamType[str]):
    """A file, a folder, a URL or a bucket."""

    name = "source"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Let the shell complete the paths of files."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


def _complete(list_values: Callable[[Datastores], Iterable[str]], incomplete: str) -> list[CompletionItem]:
    """Return the values that start with `incomplete`. On any error return none, because a shell cannot show errors."""
    from click.shell_completion import CompletionItem

    from grid_datastores.cli.target import open_for_completion

    try:
        with open_for_completion() as datastores:
            values = dict.fromkeys(list_values(datastores)) if datastores else {}
    except Exception:
        return []
    return [CompletionItem(value) for value in values if value.startswith(incomplete)]


def version_ref(name: str, number: int) -> VersionRef:
    """Return the version's name and number as one value."""
    from grid_datastores.domain.model import VersionRef

    return VersionRef(name, number)


class OnceOption(click.Option):
    """An option with one value. Repeating it is a usage error; by default, click would use the last value."""

    def __init__(self, names: Sequence[str], **attributes: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(names, multiple=True, **attributes)

    def process_value(self, ctx: click.Context, value: object) -> object:
        """Return the value, or None if the option is not given."""
        values = super().process_value(ctx, value)
        if len(values) > 1:
            raise click.BadParameter("Give this option only once.", ctx=ctx, param=self)
        return values[0] if values else None


def pass_output_on(ctx: click.Context, output: str) -> None:
    """Make the group's --output the default of its command. Raises a usage error if the command prints no JSON."""
    name = ctx.invoked_subcommand or ""
    command = ctx.command.get_command(ctx, name) if isinstance(ctx.command, click.Group) else None
    if command and output != "text" and not any(option.name == "output" for option in command.params):
        raise click.UsageError(f"{name} cannot print JSON. Leave out -o json.")
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
    help="Number of the version to mount.",
)
output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Output format.", show_default=True
)
