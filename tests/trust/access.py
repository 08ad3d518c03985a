"""Every operation of the served OpenAPI description, by everybody who may not: nothing is done, nothing is learnt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import httpx

from acceptance.server import Credentials, ServerProcess, trusted
from grid_datastores.server.state import Signer
from grid_datastores.service import Service, open_service
from grid_datastores.settings import Limits, Settings
from reliability.hostile import Client
from trust.attack import Attack, Figures
from trust.machines import scratch, server_in

_REQUESTS = "requests"
_SUCCEEDED, _TOLD, _FAILED, _CHANGED = "successes", "differences that tell", "undocumented 5xx", "changes"
_WITHOUT_USER = re.compile(r"/v1/auth/login|/v1/uploads/.*|/v1/downloads/.*|/graphql")
_SECRET = "secret-name"  # of all that the owner has
_UNFINISHED = re.compile(r"\{\w+\}/(presigned-urls|manifest|completed|upload)")
_OTHER = "another user"
_NO_IDS = ("clusterId", "partNumber", "name")
_EXPIRED = "a signed URL that has expired"
_REMOVED = 16  # users at once
_WRONG_KEYS = 5  # for one user; more of them are refused in another way


@dataclass(frozen=True)
class _Operation:
    method: str
    path: str

    @property
    def names_something(self) -> bool:
        """Whether the request names something of the owner, in its path or body."""
        mounts = self.method == "POST" and self.path.endswith(("/sessions", "/runs"))
        return mounts or self.path.endswith("/deletions") or bool(re.search(r"\{(?!clusterId)", self.path))

    @property
    def signed(self) -> bool:
        """Whether its URL is its own credential."""
        return self.path.startswith(("/v1/uploads/", "/v1/downloads/"))


class _Owner:
    """A user with one of everything, and the values that name it in paths."""

    def __init__(self, server: ServerProcess) -> None:
        self.client = client = Client(server, server.add_user("owner"))
        self.version = self._version().rpartition("/")[2]
        self.upload = self._begin()
        announced = client.announce(f"{client.versions}/{self.upload}")
        self.part = announced["urls"][0]["url"].removeprefix(server.url)
        mounted = {"id": self.version, "dsn": f"datastore://grid/{self.version}"}
        spec = {"spec": {"datastores": [mounted]}, "name": _SECRET}
        self.session = client.http.post("/v1/core/sessions", json=spec).raise_for_status().json()["id"]
        self.run = client.http.post("/v1/core/local/runs", json=spec).raise_for_status().json()["id"]
        files = client.http.get(f"/v1/core/datastores/{self.version}/files").raise_for_status().json()["files"]
        self.content = files[0]["url"].removeprefix(server.url)
        manifest = client.http.get(f"{client.versions}/{self.version}/manifest").raise_for_status().text
        self.object = re.findall(r'"(object-\w+|pack-[\w.-]+|file-\w+)"', manifest)[0]

    def _begin(self) -> str:
        made = self.client.http.post(self.client.versions, json={"name": _SECRET, "spec": {}}).raise_for_status()
        return str(made.json()["id"])

    def _version(self) -> str:
        path = f"{self.client.versions}/{self._begin()}"
        self.client.send(path, _SECRET.encode())
        assert self.client.finish(path)[0] == "SUCCEEDED"
        return path

    def ids(self, operation: _Operation) -> dict[str, str]:
        """What stands for the parameters of the operation's path."""
        unfinished = operation.method != "GET" and re.search(
            r"\{\w+\}/(presigned-urls|manifest|completed|upload)", operation.path
        )
        of = {"/v1/core/sessions/": self.session, "/v1/core/{clusterId}/runs/": self.run}
        default = self.upload if unfinished else self.version
        id_ = next((value for start, value in of.items() if operation.path.startswith(start)), default)
        upload, number = self.part.partition("?")[0].split("/")[-2:]
        return {
            "clusterId": "local",
            "id": id_,
            "datastoreId": id_,
            "mounted": self.version,
            "name": self.object,
            "uploadId": upload,
            "partNumber": number,
        }


def run(budget: int, seed: int) -> Figures:
    """Send so many requests, and the whole matrix at least once."""
    figures, random = Figures(), Random(seed)
    while figures.counts[_REQUESTS] < budget and not figures.faults:
        with scratch() as folder, server_in(folder) as server:
            _Matrix(server, figures, random).try_all()
    return figures


@contextmanager
def _service(server: ServerProcess) -> Iterator[Service]:
    """The use cases, on the server's machine."""
    settings = Settings(server.folder, server.folder / "data" / "catalog.sqlite", Limits())
    with closing(open_service(settings, lambda: None)) as service:
        yield service


class _Left:
    """A user who was removed with their versions, and the signed URLs that they had."""

    def __init__(self, server: ServerProcess) -> None:
        client = Client(server, server.add_user("left"))
        with closing(client.http):
            path = client.begin()
            client.send(path, _SECRET.encode())
            assert client.finish(path)[0] == "SUCCEEDED"
            files = client.http.get(f"/v1/core/datastores/{path.rpartition('/')[2]}/files").raise_for_status().json()
            self.content = str(files["files"][0]["url"])
            self.part = str(client.announce(client.begin())["urls"][0]["url"])
            assert httpx.get(self.content, verify=trusted()).text == _SECRET
        with _service(server) as service:
            service.user_removal.remove("left", "operator", delete_versions=True)


class _Keys:
    """Keys that are not valid. Each user has only a few of their requests, as many are refused in another way."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._users: dict[str, tuple[Credentials, int]] = {}
        self._made = 0
        self._removed: list[Credentials] = []

    def wrong(self) -> Credentials:
        """A user who exists, with a key that is none."""
        return self._few("wrong")._replace(api_key="k" * 43)

    def replaced(self) -> Credentials:
        """A user with a key that a newer one has replaced."""
        return self._few("replaced")

    def removed(self) -> Credentials:
        """A user who was removed, with the key that they had."""
        if not self._removed:
            with _service(self._server) as service:
                for number in range(_REMOVED):
                    user, key = service.accounts.add(f"removed-{self._made}-{number}")
                    service.user_removal.remove(user.name, "operator")
                    self._removed += [Credentials(user.id, key)] * _WRONG_KEYS
            self._made += 1
        return self._removed.pop()

    def _few(self, kind: str) -> Credentials:
        user, used = self._users.get(kind, (None, _WRONG_KEYS))
        if user is None or used >= _WRONG_KEYS:
            self._made += 1
            user, used = self._server.add_user(f"{kind}-{self._made}"), 0
            if kind == "replaced":
                self._server.new_key(f"{kind}-{self._made}")
        self._users[kind] = user, used + 1
        return user


class _Matrix:
    def __init__(self, server: ServerProcess, figures: Figures, random: Random) -> None:
        self._figures, self._random = figures, random
        self._owner = _Owner(server)
        self._other = Client(server, server.add_user("other"))
        mine = self._other.announce(self._other.begin())["urls"][0]["url"]
        self._signature = dict(pair.split("=") for pair in mine.partition("?")[2].split("&"))
        self._keys = _Keys(server)
        self._left = _Left(server)
        with _service(server) as service:
            key = service.accounts.url_key(self._owner.client.user.user_id)
        assert key
        self._signer = Signer(key)
        self._http = httpx.Client(base_url=server.url, timeout=30, verify=trusted())

    def try_all(self) -> None:
        """Every operation by every identity."""
        paths = self._http.get("/openapi.json").raise_for_status().json()["paths"]
        methods = ("get", "put", "post", "delete", "patch")
        operations = [_Operation(name.upper(), path) for path, of in paths.items() for name in of if name in methods]
        before = self._owner.client.seen()
        with closing(self._http), closing(self._owner.client.http), closing(self._other.http):
            for operation in operations:
                self._figures.count("operations by all identities")
                for name, credentials in self._identities():
                    if operation.signed or name != _EXPIRED:
                        self._try(operation, name, credentials)
            self._try_urls_of_removed_user()
            after = self._owner.client.seen()
            self._figures.check(before == after, _CHANGED, f"the owner's state: {before} -> {after}")
            for operation in operations:
                self._control(operation)

    def _identities(self) -> Iterator[tuple[str, Callable[[], Credentials | None]]]:
        yield "nobody", lambda: None
        yield "a user who does not exist", lambda: Credentials(self._hex(16), "k" * 43)
        yield "a wrong key", self._keys.wrong
        yield "a replaced key", self._keys.replaced
        yield "a removed user", self._keys.removed
        yield _EXPIRED, lambda: None
        yield _OTHER, lambda: self._other.user

    def _try(self, operation: _Operation, name: str, credentials: Callable[[], Credentials | None]) -> None:
        """The answer for what exists is no success, and the one for what does not exist."""
        real = self._owner.ids(operation)
        fake = {key: value if key in _NO_IDS else self._hex(len(value)) for key, value in real.items()}
        expired = name == _EXPIRED
        answers = [self._send(operation, ids, credentials(), expired=expired) for ids in (real, fake)]
        what = f"{operation.method} {operation.path} by {name}"
        text = answers[0].text + str(answers[0].headers)
        for answer in answers:
            self._figures.count(_REQUESTS)
            documented = answer.status_code < 500 or answer.status_code in (503, 507)
            self._figures.check(documented, _FAILED, f"{what}: {answer.status_code} {answer.text[:300]}")
        allowed = name == _OTHER and not operation.names_something
        if not allowed and not _WITHOUT_USER.fullmatch(operation.path):
            refused = answers[0].status_code in ((401, 429) if name != _OTHER else (400, 401, 404))
            refused = refused or operation.path.endswith("/deletions")
            self._figures.check(refused, _SUCCEEDED, f"{what}: {answers[0].status_code} {answers[0].text[:300]}")
        if expired:
            known = "This URL has expired" in answers[0].text and answers[0].status_code == 401
            self._figures.check(known, _SUCCEEDED, f"{what}: {answers[0].status_code} {answers[0].text[:300]}")
        self._figures.check(_SECRET not in text, _TOLD, f"{what} tells a name of the owner: {text[:300]}")
        if not allowed:
            seen = [_seen(answer, ids) for answer, ids in zip(answers, (real, fake), strict=True)]
            self._figures.check(seen[0] == seen[1], _TOLD, f"{what}: {seen[0]} but for what does not exist {seen[1]}")

    def _try_urls_of_removed_user(self) -> None:
        """Their URLs, which are not expired, answer as those that nobody signed."""
        for method, url in (("GET", self._left.content), ("PUT", self._left.part)):
            self._figures.count(_REQUESTS)
            answer = self._http.request(method, url, **({"content": b"evil"} if method == "PUT" else {}))
            told = answer.status_code == 401 and _SECRET not in answer.text
            what = f"{method} of a signed URL of a removed user: {answer.status_code} {answer.text[:300]}"
            self._figures.check(told, _SUCCEEDED, what)

    def _control(self, operation: _Operation) -> None:
        """The owner can read, else the matrix would show nothing."""
        if operation.method == "GET":
            answer = self._send(operation, self._owner.ids(operation), self._owner.client.user, owner=True)
            what = f"{operation.path}: {answer.status_code} {answer.text[:200]}"
            self._figures.check(answer.is_success, "reads that the owner was refused", what)

    def _send(
        self,
        operation: _Operation,
        ids: dict[str, str],
        user: Credentials | None,
        *,
        owner: bool = False,
        expired: bool = False,
    ) -> httpx.Response:
        path = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], ids["id"]), operation.path)
        query: dict[str, str] = {}
        if operation.path.endswith("/deletions"):
            query = {"id": ids["id"]}
        if operation.signed:
            query = self._query(path, expired=expired)
            if owner:
                path, query = self._owner.content, {}
        body = _body(operation, ids)
        how: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": body}
        if operation.method in ("GET", "DELETE"):
            how = {}
        if query:
            how["params"] = query
        return self._http.request(operation.method, path, auth=user or None, **how)

    def _query(self, path: str, *, expired: bool) -> dict[str, str]:
        """The query of a signed URL of the owner's: with another user's signature, or their own, which has expired."""
        named = {"path": "a.csv", "user": self._owner.client.user.user_id} if "/downloads/" in path else {}
        if not expired:
            return {"path": "a.csv", "user": self._owner.client.user.user_id, **self._signature}
        signed = self._signer.sign(path, named, datetime.now(UTC) - timedelta(seconds=2))
        return dict(parse_qsl(signed.partition("?")[2]))

    def _hex(self, length: int) -> str:
        return "".join(self._random.choices("0123456789abcdef", k=length))


def _seen(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str, dict[str, str]]:
    """What tells one answer from another, without the ids that the request named."""

    def without(text: str) -> str:
        for key, value in ids.items():
            if key not in _NO_IDS:
                text = text.replace(value, "<id>")
        return re.sub(r"in \d+ seconds", "in some seconds", text)

    headers = {name: without(value) for name, value in answer.headers.items() if name not in ("date", "retry-after")}
    return answer.status_code, re.sub(r'"retryAfter":"\d+"', "", without(answer.text)), headers


def _body(operation: _Operation, ids: dict[str, str]) -> Any:
    """A body that would do something, were it allowed."""
    if operation.path.endswith("/manifest") or operation.signed:
        return b"evil"
    if operation.path == "/v1/auth/login":
        return {"username": _SECRET, "apiKey": "k" * 43}
    if operation.path.endswith("/presigned-urls"):
        return {"objects": [{"key": "evil", "partCount": "1"}]}
    if operation.path.endswith("/presigned-urls/completed"):
        parts = [{"partNumber": "1", "etag": "x"}]
        return {"objects": [{"key": "a.csv", "uploadId": ids["uploadId"], "urls": parts}]}
    mounted = [{"id": ids["mounted"], "dsn": f"datastore://grid/{ids['mounted']}"}]
    desired = "SESSION_STATE_DELETED" if "/sessions" in operation.path else "RUN_STATE_FAILED"
    if operation.path.endswith("/datastores"):
        return {"name": "theirs", "spec": {}}
    return {"name": "theirs", "spec": {"datastores": mounted, "desiredState": desired}}


ATTACK = Attack(
    "access",
    "Every operation, by everybody who may not",
    _REQUESTS,
    (_SUCCEEDED, _TOLD, _CHANGED, _FAILED),
    run,
    bounded=300,
    long=3_000,
)
