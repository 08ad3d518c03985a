"""Defects of the web UI, among them the two that the shipped one had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from defects.registry import defect, replace_route, wrap
from grid_datastores.domain.errors import NotFound
from grid_datastores.domain.model import Source, SourceKind


@defect("delete-exactly-one", "the button of the UI deletes every version of the name", "ui")
def button_deletes_all() -> None:
    from grid_datastores.server.ui import deletion

    def delete_all(visit: Any, name: str, number: str) -> Any:
        for version in visit.state.service.reading.versions(visit.user):
            if version.ref.name == name:
                visit.state.service.deletion.delete(visit.user, version.id)
        return deletion.see(f"/datastores/{name}/versions/{number}/receipt")

    delete_all.__annotations__ = {"visit": deletion.TheVisit, "name": str, "number": str}
    replace_route(deletion.router, "delete", delete_all)


@defect("in-use-refused", "the page of the UI does not say who uses a version, and offers to delete it", "ui")
def users_not_shown() -> None:
    change_page("delete.html", lambda values: {"refusal": "", "holders": ()})


@defect("source-shown", "the details of the UI do not show the source", "ui")
def source_not_shown() -> None:
    nothing = Source(SourceKind.FILES, "")
    change_page("version.html", lambda values: {"version": replace(values["version"], source=nothing)})


@defect("delete-needs-both", "the page of the UI that asks names the datastore only", "ui")
def version_not_named() -> None:
    from grid_datastores.server.ui.pages import _templates

    original = _templates.loader.get_source  # type: ignore[union-attr]

    def nameless(environment: Any, template: str) -> Any:
        text, *rest = original(environment, template)
        if template == "delete.html":
            text = text.replace("elete version {{ version.ref.number }} of", "elete")
        return text, *rest

    _templates.loader.get_source = nameless  # type: ignore[union-attr, method-assign]


@defect("no-default-version", "in an address of the UI every word that is no number means the latest version", "ui")
def address_means_latest() -> None:
    from grid_datastores.server.ui import deletion

    def latest(original: Any) -> Any:
        def find(visit: Any, name: str, number: str) -> Any:
            if number.isdigit() and 0 < int(number) < 1000:
                return original(visit, name, number)
            return _latest(visit, name)

        return find

    wrap(deletion, "find", latest)


@defect("delete-unknown", "where a version is not there, the UI asks whether to delete another one", "ui")
def unknown_means_another() -> None:
    from grid_datastores.server.ui import deletion

    def another(original: Any) -> Any:
        def find(visit: Any, name: str, number: str) -> Any:
            try:
                version = original(visit, name, number)
            except NotFound:
                return _latest(visit, "my-training-data")
            return version if version.deleted_at is None else _latest(visit, name)

        return find

    wrap(deletion, "find", another)


def _latest(visit: Any, name: str) -> Any:
    return [version for version in visit.state.service.reading.versions(visit.user) if version.ref.name == name][-1]


def change_page(wanted: str, change: Any) -> None:
    """Put other values into the pages of a template."""
    from grid_datastores.server.ui.visit import Visit

    def page(original: Any) -> Any:
        def changed(self: Any, template: str, status: int = 200, **values: Any) -> Any:
            return original(self, template, status, **(values | (change(values) if template == wanted else {})))

        return changed

    wrap(Visit, "page", page)
