"""A signed URL belongs to one user, and a new key of that user invalidates it."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from in_process import Browser
from manual_clock import Clock

from grid_datastores.catalog.facts import SIGNING_KEY
from grid_datastores.domain.errors import NotSignedIn, NotThatState
from grid_datastores.domain.model import Source, SourceKind, User
from grid_datastores.server.app import create_app
from grid_datastores.server.state import State
from grid_datastores.service import Service
from grid_datastores.sources import scan

_PATH = "/v1/downloads/1"


@pytest.fixture
def state(service: Service) -> State:
    service.accounts.ensure_signing_key()
    return State(service)


def _check(state: State, user_id: str, url: str) -> None:
    path, _, query = url.partition("?")
    fields = dict(field.split("=") for field in query.split("&"))
    state.check(user_id, path, {"path": fields["path"]}, fields["expires"], fields["signature"])


def test_a_url_is_valid_for_its_user_until_it_expires(state: State, clock: Clock) -> None:
    ana, bea = (state.service.accounts.add(name)[0] for name in ("ana", "bea"))
    url = state.signer(ana.id).sign(_PATH, {"path": "a.csv"}, clock() + timedelta(hours=1))
    _check(state, ana.id, url)
    for other, changed in ((bea.id, url), ("", url), (ana.id, url.replace("a.csv", "b.csv"))):
        with pytest.raises(NotSignedIn):
            _check(state, other, changed)
    clock.go(2 * 60 * 60)
    with pytest.raises(NotSignedIn):
        _check(state, ana.id, url)


@pytest.mark.proves("new-key-ends-urls")
def test_a_new_key_of_the_user_ends_their_urls_and_nobody_elses(state: State, clock: Clock) -> None:
    ana, bea = (state.service.accounts.add(name)[0] for name in ("ana", "bea"))
    urls = {
        user.id: state.signer(user.id).sign(_PATH, {"path": "a"}, clock() + timedelta(hours=1)) for user in (ana, bea)
    }
    state.service.accounts.new_key("ana")
    with pytest.raises(NotSignedIn):
        _check(state, ana.id, urls[ana.id])
    _check(state, bea.id, urls[bea.id])


def test_no_url_of_an_unknown_user_is_valid(state: State, clock: Clock) -> None:
    url = state.signer("nobody").sign(_PATH, {"path": "a"}, clock() + timedelta(hours=1))
    with pytest.raises(NotSignedIn):
        _check(state, "nobody", url)


@pytest.mark.proves("rotation-ends-all-urls", "rotation-keeps-sign-ins", "signing-key-in-catalog")
def test_a_rotated_signing_key_ends_all_urls_and_no_sign_in(state: State, clock: Clock) -> None:
    accounts = state.service.accounts
    (ana, key), (bea, _) = (accounts.add(name) for name in ("ana", "bea"))
    token = accounts.new_token(ana)

    def url(user: User) -> str:
        return state.signer(user.id).sign(_PATH, {"path": "a"}, clock() + timedelta(hours=1))

    def stored() -> str | None:
        with state.service.context.catalog.read() as tx:
            return tx.facts.get(SIGNING_KEY)

    before, key_before = {user.id: url(user) for user in (ana, bea)}, stored()
    accounts.rotate_signing_key()
    assert None not in (key_before, stored())
    assert stored() != key_before
    for user_id, signed in before.items():
        with pytest.raises(NotSignedIn):
            _check(state, user_id, signed)
    _check(state, ana.id, url(ana))
    assert accounts.sign_in("ana", key) == accounts.of_token(token) == ana


def test_where_no_server_has_run_there_is_no_signing_key_to_rotate(service: Service) -> None:
    with pytest.raises(NotThatState, match="No server has run"):
        service.accounts.rotate_signing_key()
    with service.context.catalog.read() as tx:
        assert tx.facts.get(SIGNING_KEY) is None  # one would make the folder that of a server


@pytest.mark.proves("files-and-parts-have-signed-urls")
def test_the_urls_of_files_and_parts_are_signed(service: Service, ana: User, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1")
    source = scan(str(tmp_path / "a.csv"))
    whole = service.uploads.create(ana, "data", source.source, source.files)
    begun = service.uploads.begin(ana, "data", source.source)
    server, bearer = Browser(service), {"Authorization": f"Bearer {service.accounts.new_token(ana)}"}
    objects = {"objects": [{"key": "a", "partCount": "1"}]}
    (file,) = server.send("GET", f"/v1/core/datastores/{whole.id}/files", headers=bearer).json()["files"]
    path = f"/v1/core/local/datastores/{begun.id}/presigned-urls"
    (announced,) = server.send("POST", path, headers=bearer, json=objects).json()["objects"]
    requests = (("GET", file["url"], b""), ("PUT", announced["urls"][0]["url"], b"1"))
    assert [server.send(method, url, content=body).status_code for method, url, body in requests] == [200, 200]
    service.accounts.rotate_signing_key()
    assert [server.send(method, url, content=body).status_code for method, url, body in requests] == [401, 401]


class _Stranger:
    """Whoever has an address and no credentials."""

    def __init__(self, service: Service) -> None:
        self._app = create_app(service)

    def answer(self, method: str, url: str) -> tuple[int, str, list[tuple[str, str]]]:
        """The status, the body and the headers of the answer."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.request(method, url, content=b"1" if method == "PUT" else None)

        found = asyncio.run(send())
        return found.status_code, found.text, sorted(found.headers.items())


@pytest.mark.proves("wrong-and-expired-addresses-look-alike")
def test_wrong_expired_and_foreign_signatures_get_the_same_answer(service: Service, clock: Clock) -> None:
    ana, bea = (service.accounts.add(name)[0] for name in ("ana", "bea"))
    stranger, state = _Stranger(service), State(service)
    version = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "/data"))
    (upload,) = service.uploads.announce(ana, version.id, {"a.csv": 1})
    later, long_ago = clock() + timedelta(hours=1), clock() - timedelta(hours=1)

    def part(user: str, upload_id: str = upload.id, expires: datetime = later) -> str:
        return state.signer(user).sign(f"/v1/uploads/{upload_id}/1", {}, expires)

    def content(user: str, claimed: str = ana.id, version_id: str = version.id, expires: datetime = later) -> str:
        return state.signer(user).sign(f"/v1/downloads/{version_id}", {"path": "a.csv", "user": claimed}, expires)

    def changed(url: str, *changes: tuple[str, str]) -> list[str]:
        return [re.sub(rf"{name}=[^&]*", f"{name}={value}", url) for name, value in changes]

    changes = [
        *(("signature", value) for value in ("", "0", "0" * 64, "%C3%A9", "%00")),
        *(("expires", value) for value in ("", "soon", "-1", "0", "1e99", "9" * 40, "%D9%A3")),
    ]
    parts = [part(bea.id), part(ana.id, expires=long_ago), part(ana.id, "0" * 16), part("", "0" * 16), part("nobody")]
    contents = [
        *(content(bea.id), content(ana.id, expires=long_ago), content(ana.id, claimed=bea.id), content("nobody")),
        *(content(bea.id, version_id="0" * 16), content("nobody", claimed="nobody")),
        *changed(content(ana.id), ("path", "b.csv"), ("user", bea.id), ("user", "nobody")),
    ]
    refusals = [stranger.answer("PUT", url) for url in (*parts, *changed(part(ana.id), *changes))]
    refusals += [stranger.answer("GET", url) for url in (*contents, *changed(content(ana.id), *changes))]
    assert refusals == [refusals[0]] * len(refusals)
    assert refusals[0][0] == 401
    assert stranger.answer("PUT", part(ana.id))[0] == 200
    assert stranger.answer("GET", content(ana.id))[0] == 409, "the version is not available yet"
