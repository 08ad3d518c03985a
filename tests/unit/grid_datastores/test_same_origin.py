"""Which forms the server takes, by the headers that tell where they were sent from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from grid_datastores.domain.errors import CrossOriginForm
from grid_datastores.domain.model import Phase, Source, SourceKind, User, Version
from grid_datastores.server.app import create_app
from grid_datastores.server.guard import Hosts
from grid_datastores.server.ui.pages import version_path
from grid_datastores.server.ui.web_session import COOKIE
from grid_datastores.service import Service
from grid_datastores.storage import Manifest, WithoutAttributes, pack

OWN = "http://localhost:8000"
REFUSED: list[dict[str, str]] = [
    {},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},  # another port, or another name below the same domain
    {"sec-fetch-site": ""},
    {"sec-fetch-site": "cross-site", "origin": OWN},
    {"sec-fetch-site": "same-site", "origin": OWN},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "https://evil.example"},
    {"origin": "http://localhost:8001"},
    {"origin": "http://localhost"},
    {"origin": "http://localhost:8000.evil.example"},
    {"origin": "http://evil.example/localhost:8000"},
    {"origin": "http://user@localhost:8000"},
    {"origin": "http://["},  # no address at all
    {"referer": f"{OWN}/"},
]
TAKEN: list[dict[str, str]] = [
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "same-origin", "origin": OWN},
    {"sec-fetch-site": "none"},  # the browser itself repeats it
    {"origin": OWN},
]


def _new_version(service: Service, ana: User) -> Version:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "/data"))
    packed = pack([_File()], service.uploads.sink(ana, begun.id), lambda _count: None)
    manifest = Manifest.of(entry for _name, entries in packed for entry in entries)
    return service.uploads.publish(ana, begun.id, manifest)


class _File(WithoutAttributes):
    path = "a.csv"
    size = 1

    def chunks(self) -> Any:
        yield b"1"


def _app(service: Service, public_url: str = "") -> FastAPI:
    return create_app(service, Hosts.of("localhost", ["grid.example"]), public_url)


def _delete(app: FastAPI, service: Service, user: User, headers: dict[str, str], version: Version) -> httpx.Response:
    signed_in = {"cookie": f"{COOKIE}={service.accounts.new_token(user)}"}
    return _sent(app, f"{version_path(version.ref)}/delete", signed_in | headers)


def _sent(app: FastAPI, path: str, headers: dict[str, str]) -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=OWN) as http:
            return await http.post(path, headers=headers)

    return asyncio.run(send())


@pytest.mark.proves("forms-of-other-sites-refused")
def test_a_form_from_elsewhere_is_refused(service: Service, ana: User) -> None:
    app, version = _app(service), _new_version(service, ana)
    for headers in REFUSED:
        answer = _delete(app, service, ana, headers, version)
        assert answer.status_code == CrossOriginForm.status, headers
        assert CrossOriginForm.at(OWN).message in answer.text
        assert _phase(service, ana, version) is Phase.AVAILABLE


def test_a_form_of_its_own_pages_is_taken(service: Service, ana: User) -> None:
    app = _app(service)
    for headers in TAKEN:
        version = _new_version(service, ana)
        answer = _delete(app, service, ana, headers, version)
        assert answer.status_code == 303, headers
        assert _phase(service, ana, version) is Phase.DELETED


def test_the_public_address_is_the_origin_of_the_pages(service: Service, ana: User) -> None:
    app, version = _app(service, "https://grid.example"), _new_version(service, ana)
    for host, origin, taken in (
        ("grid.example", "https://grid.example", True),
        ("127.0.0.1:8000", "https://grid.example", True),  # a proxy that changes the Host
        ("127.0.0.1:8000", "http://127.0.0.1:8000", True),  # on the server's own machine
        ("127.0.0.1:8000", "http://grid.example", False),
        ("127.0.0.1:8000", "https://grid.example:8443", False),
        ("127.0.0.1:8000", "https://grid.example.evil.example", False),
        ("grid.example", "http://127.0.0.1:8000", False),
    ):
        answer = _delete(app, service, ana, {"host": host, "origin": origin}, version)
        assert answer.status_code == (303 if taken else CrossOriginForm.status), (host, origin)
        assert (_phase(service, ana, version) is Phase.DELETED) == taken
        if taken:
            version = _new_version(service, ana)


@pytest.mark.proves("forms-of-other-sites-refused")
def test_every_form_of_the_pages_is_checked(service: Service, ana: User) -> None:
    """Also for somebody who is not signed in."""
    app = create_app(service)
    forms = [
        route.path
        for route in _routes(app.routes)
        if isinstance(route, APIRoute)
        and not route.path.startswith(("/v1/", "/graphql"))
        and route.methods & {"POST", "PUT", "PATCH", "DELETE"}
    ]
    assert len(forms) == 12
    for path in forms:
        given = {"secret": "x", "workload_id": "x", "sign_in_id": "x"}
        filled = path.format(name="data", number=1, kind="run", action="cancel", **given)
        answer = _sent(app, filled, {})
        assert answer.status_code == CrossOriginForm.status, path
        assert "was not sent from a page of this server" in answer.text, path


def _routes(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """These, and those of the routers among them."""
    for route in routes:
        router = getattr(route, "original_router", None)
        yield from _routes(router.routes) if router else [route]


def _phase(service: Service, user: User, version: Version) -> Phase:
    return service.reading.details(user, version.id).version.phase
