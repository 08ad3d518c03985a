"""Somebody who speaks to the pages without a browser, to send what a browser never would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

from acceptance.server import Credentials, ServerProcess, trusted
from acceptance.surfaces.api import ApiSurface
from reliability.machine import folder_of


@dataclass
class Person:
    """A signed-in user: their pages, and the API beside them for set-up."""

    http: httpx.Client
    api: ApiSurface
    user: Credentials

    def close(self) -> None:
        """End the connections."""
        self.http.close()
        self.api.close()

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


def stocked(server: ServerProcess, folder: Path) -> Person:
    """A new user with versions 1, 2 and 3 of `data`, made of files that are put into this folder."""
    person = sign_in(server, f"ana-{uuid4().hex[:8]}")
    source = folder_of(folder, {"a.csv": b"1,2\n", "deep/b.csv": b"3\n"}, "stock")
    for _ in range(3):
        assert person.api.upload("data", source).done
    return person


def alert(answer: httpx.Response) -> str:
    """What the page of a refusal says, as text."""
    from lxml import html

    [found] = html.fromstring(answer.text).xpath("//*[@role='alert']")
    return " ".join(found.text_content().split())
