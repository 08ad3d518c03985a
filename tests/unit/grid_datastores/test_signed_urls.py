"""A signed URL belongs to one user, and a new key of that user invalidates it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from manual_clock import Clock

from grid_datastores.catalog.facts import SIGNING_KEY
from grid_datastores.domain.errors import NotSignedIn, NotThatState
from grid_datastores.domain.model import User
from grid_datastores.server.state import State
from grid_datastores.service import Service

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


def test_a_rotated_signing_key_ends_all_urls_and_no_sign_in(state: State, clock: Clock) -> None:
    accounts = state.service.accounts
    (ana, key), (bea, _) = (accounts.add(name) for name in ("ana", "bea"))
    token = accounts.new_token(ana)

    def url(user: User) -> str:
        return state.signer(user.id).sign(_PATH, {"path": "a"}, clock() + timedelta(hours=1))

    before = {user.id: url(user) for user in (ana, bea)}
    accounts.rotate_signing_key()
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
