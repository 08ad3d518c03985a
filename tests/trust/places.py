"""Where the operations of the model are tried: in this process with clocks of its own, and on a real server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from acceptance.server import ServerProcess
from grid_datastores.domain.model import Source, SourceKind, User, Version
from grid_datastores.gateway.credentials import Server
from grid_datastores.gateway.embedded import EmbeddedDatastores
from grid_datastores.gateway.http import HttpDatastores
from grid_datastores.gateway.protocol import Datastores
from grid_datastores.service import open_service
from grid_datastores.service.run_locks import RunLocks
from grid_datastores.settings import Limits, Settings
from grid_datastores.storage import Manifest, pack
from grid_datastores.storage.packing import WithoutAttributes
from unit.grid_datastores.manual_clock import Clock

QUOTA, LEASE, EXPIRY = 4, 60, 100  # versions, seconds, seconds


@dataclass
class _File(WithoutAttributes):
    path: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        yield self.content


class InProcess:
    """The service of a folder, with clocks that go when they are told."""

    def __init__(self, folder: Path) -> None:
        limits = Limits(quota=QUOTA, lease=LEASE, upload_expiry=EXPIRY)
        self._settings = Settings(folder, folder / "data" / "catalog.sqlite", limits)
        self.clock = Clock()
        self._open()
        self._users: dict[str, User] = {}
        self._histories = 0
        self.storage = folder / "data" / "versions"

    def new_users(self, names: tuple[str, ...]) -> None:
        """Have users without any version, for the next history."""
        self._histories += 1
        self._users = {name: self._service.accounts.add(f"{name}-{self._histories}")[0] for name in names}

    def _open(self) -> None:
        clock = self.clock
        self._service = open_service(self._settings, lambda: None, clock, lambda: clock.steady, "boot")

    def datastores(self, user: str) -> Datastores:
        """Those of a user."""
        runs = RunLocks(self._settings.data / "runs")
        return EmbeddedDatastores(self._service, self._users[user], self._settings.data, runs)

    def reopen(self) -> None:
        """Close all, as a process that ends, and open it again."""
        self._service.close()
        self._open()

    def go(self, seconds: float) -> None:
        """Time passes, and the server looks for Runs and uploads that have expired."""
        self.clock.go(seconds)
        self._service.tidy()

    def pass_unnoticed(self, seconds: float) -> None:
        """Time passes."""
        self.clock.go(seconds)

    def close(self) -> None:
        """End it."""
        self._service.close()


class OnServer:
    """A server that runs."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._histories = 0
        self._open: dict[str, HttpDatastores] = {}

    def new_users(self, names: tuple[str, ...]) -> None:
        """Have users without any version, for the next history."""
        self.close()
        self._histories += 1
        for name in names:
            user = self._server.add_user(f"{name}-{self._histories}")
            self._open[name] = HttpDatastores(Server(self._server.url, *user, "local"))

    def datastores(self, user: str) -> Datastores:
        """Those of a user."""
        return self._open[user]

    def close(self) -> None:
        """End the connections."""
        for datastores in self._open.values():
            datastores.close()


def begin(datastores: Datastores, name: str) -> Version:
    """A version that takes data."""
    return datastores.begin(name, Source(SourceKind.FILES, "/here"))


def send(datastores: Datastores, version: Version, files: Mapping[str, bytes]) -> Version:
    """Write these files into the version and finish it."""
    small = [_File(path, content) for path, content in files.items()]
    packed = list(pack(small, datastores.sink(version, lambda _count: None), lambda _count: None))
    return datastores.finish(version, Manifest.of(entry for _name, entries in packed for entry in entries))


def read(datastores: Datastores, version: Version) -> Mapping[str, bytes]:
    """All its files."""
    manifest = datastores.manifest(version)
    objects = {name: b"".join(datastores.read_object(version, name)) for name in {f.object for f in manifest.files}}
    return {file.path: objects[file.object][file.offset : file.offset + file.size] for file in manifest.files}
