"""Defects of the web UI, among them the two that the shipped one had."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from defects.registry import Change, defect, route, wrap
from grid_datastores.domain.errors import NotFound, Refusal
from grid_datastores.domain.lists import Chosen
from grid_datastores.domain.model import Source, SourceKind

FIND = "grid_datastores.server.ui.datastores:find"


@defect("delete-exactly-one", "the button of the UI deletes every version of the name", "ui")
def button_deletes_all() -> Iterator[Change]:
    def delete(original: Any) -> Any:
        def deleting_all(web_session: Any, name: str, **given: Any) -> Any:
            answer = original(web_session=web_session, name=name, **given)
            if answer.status_code == 303:
                for other in versions_of(web_session, name):
                    with suppress(Refusal):
                        web_session.state.service.deletion.delete(web_session.user, other.id)
            return answer

        return deleting_all

    yield route("grid_datastores.server.ui.deletion:delete", delete)


@defect("in-use-refused", "the page of the UI does not say who uses a version, and offers to delete it", "ui")
def users_not_shown() -> Iterator[Change]:
    yield change_values("delete.html", lambda values: {"refusal": "", "holders": ()})


@defect("source-shown", "the details of the UI do not show the source", "ui")
def source_not_shown() -> Iterator[Change]:
    nothing = Source(SourceKind.FILES, "")
    yield change_values("version.html", lambda values: {"version": replace(values["version"], source=nothing)})


@defect("delete-needs-both", "the page of the UI that asks names the datastore only", "ui")
def version_not_named() -> Iterator[Change]:
    yield change_text("delete.html", lambda text: re.sub(r"elete version [0-9]+ of", "elete", text))


@defect("no-default-version", "in an address of the UI every word that is no number means the latest version", "ui")
def address_means_latest() -> Iterator[Change]:
    def latest(original: Any) -> Any:
        def find(web_session: Any, name: str, number: str) -> Any:
            if number.isdigit() and 0 < int(number) < 1000:
                return original(web_session, name, number)
            return versions_of(web_session, name)[-1]

        return find

    yield wrap(FIND, latest)


@defect("delete-unknown", "where a version is not there, the UI asks whether to delete another one", "ui")
def unknown_means_another() -> Iterator[Change]:
    def another(original: Any) -> Any:
        def find(web_session: Any, name: str, number: str) -> Any:
            try:
                version = original(web_session, name, number)
            except NotFound:
                return versions_of(web_session, "my-training-data")[-1]
            return version if version.deleted_at is None else versions_of(web_session, name)[-1]

        return find

    yield wrap(FIND, another)


def versions_of(web_session: Any, name: str) -> Any:
    """The visitor's versions under a name, oldest first."""
    return list(web_session.state.service.listing.all(web_session.user, Chosen(name)))


def change_values(wanted: str, change: Any) -> Change:
    """Put other values into the pages of a template."""

    def page(original: Any) -> Any:
        def changed(template: str, status: int = 200, **values: Any) -> Any:
            return original(template, status, **(values | (change(values) if template == wanted else {})))

        return changed

    return wrap("grid_datastores.server.ui.pages:page", page)


def change_text(wanted: str, change: Any) -> Change:
    """Show another text on the pages of a template."""

    def page(original: Any) -> Any:
        def changed(template: str, status: int = 200, **values: Any) -> Any:
            answer = original(template, status, **values)
            return type(answer)(change(answer.body.decode()), status) if template == wanted else answer

        return changed

    return wrap("grid_datastores.server.ui.pages:page", page)
