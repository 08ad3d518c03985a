"""A person at a terminal and one in a browser, both in this process."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from grid_datastores.cli.main import cli
from grid_datastores.domain.model import User
from grid_datastores.server.app import create_app
from grid_datastores.server.ui.web_session import COOKIE
from grid_datastores.service import Service

ADDRESS = "http://localhost:8000"
MOUNT = ("--datastore_name", "data", "--datastore_version", "1")
NAMED = ("--name", "data", "--version", "1")


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Terminal:
    """A person at a terminal, with a home folder and no server; paths in commands are those below `home`."""

    home: Path

    def type(self, *words: str, typed: str = "", **environment: str | None) -> Answer:
        """Type a command, and then `typed`, with these variables besides HOME, GRID_DIR and LOGNAME."""
        others = {name: None for name in os.environ if name.startswith("GRID_")}
        usual = {"HOME": str(self.home), "GRID_DIR": str(self.home / ".grid"), "LOGNAME": "ana"}
        done = CliRunner().invoke(cli, words, input=typed, env={**others, **usual, **environment})
        return Answer(done.exit_code, done.stdout, done.stderr)

    def done(self, *words: str, **environment: str | None) -> str:
        """What a command prints that succeeds."""
        answer = self.type(*words, **environment)
        assert (answer.code, answer.err) == (0, ""), answer
        return answer.out

    def json(self, *words: str, **environment: str | None) -> Any:
        """The same as JSON."""
        return json.loads(self.done(*words, "-o", "json", **environment))

    def create(self, files: Mapping[str, bytes], name: str = "data", **environment: str | None) -> None:
        """Make a version of these files, in the folder `source` of the home folder."""
        for path, content in files.items():
            target = self.home / "source" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self.done("datastore", "create", str(self.home / "source"), "--name", name, **environment)


@dataclass
class Browser:
    """A person at the pages of a server; signed in, if there is a user. Its pages link to the guide, if given.

    Without a token of its own, each request signs in anew.
    """

    service: Service
    user: User | None = None
    guide: str = ""
    token: str = ""

    def __post_init__(self) -> None:
        """Make the server, as `grid serve` does before the first request."""
        self._app = create_app(self.service, guide_url=self.guide)

    def get(self, path: str) -> str:
        """The page at this path."""
        answer = self.send("GET", path)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.text

    def press(self, path: str, **fields: str) -> httpx.Response:
        """The answer to a form."""
        return self.send("POST", path, data=fields)

    def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The answer to a request."""
        cookies = {COOKIE: self.token or self.service.accounts.new_token(self.user)} if self.user else {}
        return asyncio.run(self._sent(method, path, cookies, how))

    async def _sent(self, method: str, path: str, cookies: dict[str, str], how: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        headers = {"sec-fetch-site": "same-origin"}
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, cookies=cookies, headers=headers) as http:
            return await http.request(method, path, **how)


@contextmanager
def answering(answers: Sequence[tuple[int, dict[str, str], object]]) -> Iterator[tuple[str, list[str]]]:
    """A server that gives these answers in turn, and then the last one; the requests that it got, as "GET /path"."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = answers[min(len(requests), len(answers) - 1)]
            requests.append(f"{self.command} {self.path}")
            self.send_response(status)
            content = json.dumps(body).encode()
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = answer

        def log_message(self, *_about: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()
