"""Somebody who speaks to the pages without a browser, to send what a browser never would."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from acceptance.server import Credentials, ServerProcess, trusted
from acceptance.surfaces.api import ApiSurface


@dataclass
class Person:
    """A signed-in user: their pages, and the API beside them for set-up."""

    http: httpx.Client
    api: ApiSurface
    user: Credentials

    def press(self, path: str, /, **fields: str) -> httpx.Response:
        """Send a form as its page would."""
        return self.http.post(path, data=fields)


def at(server: ServerProcess) -> httpx.Client:
    """A client that sends forms as the pages of the server do: with their origin, as browsers tell it."""
    return httpx.Client(base_url=server.url, headers={"origin": server.url}, timeout=30, verify=trusted())


def sign_in(server: ServerProcess, name: str) -> Person:
    """A new user at the pages."""
    user = server.add_user(name)
    http = at(server)
    answer = http.post("/sign-in", data={"name": user.user_id, "key": user.api_key})
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    return Person(http, ApiSurface(server.url, user, None), user)


def alert(answer: httpx.Response) -> str:
    """What the page of a refusal says, as text."""
    from lxml import html

    [found] = html.fromstring(answer.text).xpath("//*[@role='alert']")
    return " ".join(found.text_content().split())
