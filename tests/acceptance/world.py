"""The world of one scenario: its user, the surface under test, and what set-up and steps know."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from pytest_bdd.parser import Scenario

from acceptance import executables
from acceptance.origins import Origins, open_origins
from acceptance.penguins import make_variations
from acceptance.server import Credentials, ServerProcess
from acceptance.surfaces import Arrange, Outcome, Surface
from acceptance.surfaces.api import ApiSurface
from acceptance.surfaces.browsing import Chromium, chromium
from acceptance.surfaces.cli import CliSurface
from acceptance.surfaces.ui import UiSurface
from browser import find_browser, missing, needed
from living_spec.recorder import Recorder

_SHOWN_URL = "http://127.0.0.1:8000"
_SHOWN_HOME = "/home/ana"


@dataclass
class Target:
    """The server that the run is aimed at; `process` when it is the run's own."""

    url: str
    process: ServerProcess | None


# Steps that compare with how things were before.
NOTHING_HAS_CHANGED = "nothing has changed"
ROOM_FOR_ONE_MORE = "I have room for one version more than before"


@dataclass
class World:
    """What the steps share."""

    surface: Surface
    arrange: Arrange
    home: Path
    target: Target | None
    evidence: Recorder
    origins: Origins
    suffix: str
    uploaded: dict[tuple[str, int], dict[str, bytes]] = field(default_factory=dict)
    fingerprints: dict[tuple[str, int], str] = field(default_factory=dict)
    last: Outcome = field(default_factory=lambda: Outcome(True, False, False, ""))
    many: list[Outcome] = field(default_factory=list)
    before: list[dict[str, Any]] | None = None
    quota_before: int = 0
    steps: str = ""  # the scenario's: looking takes its time, so only what it asks for later is looked at
    subject: tuple[str, int] = ("", 0)
    folder: Path = Path()
    other: Surface | None = None
    arrange_other: Arrange | None = None
    credentials: Credentials = field(default_factory=lambda: Credentials("", ""))
    process: subprocess.Popen[str] | None = None
    origin: str = ""
    offered: dict[str, bytes] = field(default_factory=dict)
    lease: float = 60.0
    beating: threading.Event = field(default_factory=threading.Event)
    marks: dict[tuple[str, int], str] = field(default_factory=dict)
    run_id: str = ""
    addresses: list[str] = field(default_factory=list)
    pairs: list[tuple[bool, bool]] = field(default_factory=list)
    cleanups: ExitStack = field(default_factory=ExitStack)

    def real(self, name: str) -> str:
        """The name to use for a name of the feature: the same, or one that no other run uses."""
        return f"{name}{self.suffix}" if name else name

    def real_file(self, name: str) -> str:
        """The same for a file, or folder, whose name the name is made from."""
        stem, dot, endings = name.partition(".")
        return f"{self.real(stem)}{dot}{endings}"

    def state(self) -> list[dict[str, Any]]:
        """All that this scenario made, and what counts: a server can have versions, Sessions and Runs of other runs."""
        there = [item for item in self.arrange.state() if item["name"].endswith(self.suffix)]
        listed = versions_of(there)
        uploaded = [(self.real(name), number) for name, number in self.uploaded]
        return there + [self.arrange.record(*version) for version in uploaded if version not in listed]

    def asks(self, words: str) -> bool:
        """Whether a step of the scenario has these words."""
        return words in self.steps

    def look(self) -> None:
        """Remember how things are before an action."""
        if self.asks(ROOM_FOR_ONE_MORE):
            self.quota_before = self.arrange.quota_used()
        if self.asks(NOTHING_HAS_CHANGED):
            self.before = self.state()

    def places_taken(self) -> int:
        """How many versions there are that count against the quota."""
        return _places(self.arrange)

    def places_of_other(self) -> int:
        """The same for the other user."""
        assert self.arrange_other
        return _places(self.arrange_other)

    def do(self, outcome: Outcome) -> None:
        """An action was taken."""
        self.last = outcome

    def remember(self, name: str, number: int, folder: Path) -> None:
        """What was uploaded, as it is now."""
        content = {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
        self.uploaded[name, number] = content
        self.subject = (name, number)

    def variations(self) -> list[Path]:
        """The four variations of the penguin data."""
        folder = self.home / "penguins"
        return sorted(folder.iterdir(), key=_variation_order) if folder.exists() else make_variations(folder)

    def operate(self, settings: dict[str, str]) -> None:
        """The operator sets these variables; they are as before when the scenario is over."""
        if self.target is None:
            self._set(settings)
            return
        server = self.own_server()
        self.cleanups.callback(server.operate, {})
        server.operate(settings)

    def own_server_or_folder(self) -> None:
        """This scenario can only run where the operator is the run itself."""
        if self.target is not None:
            self.own_server()

    def allow_origins(self) -> None:
        """The operator lets data come from the origins of this run; the run's own server was started with that."""
        self.own_server_or_folder()
        if self.target is None:
            self._set(self.origins.environment)

    def _set(self, settings: dict[str, str]) -> None:
        for surface in (self.surface, self.arrange):
            assert isinstance(surface, CliSurface)
            surface.environment |= settings

    def own_server(self) -> ServerProcess:
        """The server's process, for a scenario that has to kill it."""
        if self.target is None or self.target.process is None:
            self.evidence.not_run("This server is not the run's own, so it cannot be stopped or set up otherwise.")
        return self.target.process

    def storage(self) -> Path | None:
        """The folder of all that is kept, if this machine can see it."""
        if self.target is None:
            return self.home / ".grid"
        return self.target.process.folder if self.target.process else None

    def stored(self, mark: str) -> list[Path]:
        """The files, whatever their names, that hold this mark."""
        storage = self.storage()
        return [path for path in storage.rglob("*") if mark.encode() in _content(path)] if storage else []


def versions_of(listed: list[dict[str, Any]]) -> dict[tuple[str, int], str]:
    """The phase of each version among all that is listed."""
    versions = [item for item in listed if "version" in item.get("spec", {})]
    return {(item["name"], item["spec"]["version"]): item["status"]["phase"] for item in versions}


def _places(user: Arrange) -> int:
    return sum(not phase.endswith("FAILED") for phase in versions_of(user.state()).values())


def _content(path: Path) -> bytes:
    """What a file holds; other scenarios delete theirs meanwhile."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""


def _variation_order(folder: Path) -> int:
    return ("raw", "tidy", "complete", "standardised").index(folder.name)


@pytest.fixture(scope="session")
def grid(pytestconfig: pytest.Config, edition: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The executable under test: the one that --grid-cli names, else that of the edition."""
    given = cast("str | None", pytestconfig.getoption("--grid-cli"))
    if given is None:
        return executables.edition(edition, tmp_path_factory.mktemp(edition)) or executables.own()
    return str(Path(shutil.which(given) or given).resolve())


@pytest.fixture(scope="session")
def origins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origins]:
    """Where data comes from that is neither a file nor a folder of this machine."""
    with open_origins(tmp_path_factory.mktemp("origins")) as opened:
        yield opened


@pytest.fixture(scope="session")
def target(
    pytestconfig: pytest.Config, grid: str, origins: Origins, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The server: the one that --url names, else a process of the run's own."""
    url = cast("str | None", pytestconfig.getoption("--url"))
    if url:
        yield Target(url.rstrip("/"), None)
        return
    process = ServerProcess(grid, tmp_path_factory.mktemp("server"), origins.environment)
    process.start(typed=not pytestconfig.getoption("--one-surface"))
    yield Target(process.url, process)
    process.stop()


@pytest.fixture(scope="session")
def shared_chromium() -> Iterator[Chromium | None]:
    """One browser for all scenarios of a process; None where there is none on this machine."""
    executable = find_browser()
    if executable is None:
        assert not needed(), missing()
        yield None
        return
    with chromium(executable) as started:
        yield started


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    surface_name: str,
    evidence: Recorder,
    tmp_path: Path,
    grid: str,
    origins: Origins,
) -> Iterator[World]:
    """A user nobody else is, on the surface under test."""
    home = tmp_path / "ana"
    home.mkdir()
    evidence.rename(str(home), _SHOWN_HOME)
    if surface_name == "cli-embedded":
        surface = CliSurface(grid, home, "ana", None, evidence)
        arrange = CliSurface(grid, home, "ana", None, None)
        with _closing_last(World(surface, arrange, home, None, evidence, origins, "")) as world:
            yield world
        return
    if surface_name == "ui" and request.getfixturevalue("shared_chromium") is None:
        evidence.not_run(missing())
    target = cast("Target", request.getfixturevalue("target"))
    evidence.rename(target.url, _SHOWN_URL)
    suffix = "" if target.process else f"-{uuid4().hex[:8]}"
    if suffix:
        evidence.rename(suffix, "")
    user = _user(target, "ana", evidence)
    with ExitStack() as stack:
        api = stack.enter_context(_leaving_nothing(target, user, suffix))
        tested = stack.enter_context(closing(_surface(request, surface_name, home, "ana", target, user, evidence)))
        world = World(tested, api, home, target, evidence, origins, suffix, credentials=user)
        yield stack.enter_context(_closing_last(world))


@contextmanager
def _closing_last(world: World) -> Iterator[World]:
    with world.cleanups:
        yield world


@pytest.fixture
def ben(request: pytest.FixtureRequest, world: World, surface_name: str, tmp_path: Path) -> Iterator[Surface]:
    """Another user of the same server."""
    assert world.target
    user = _user(world.target, "ben", world.evidence)
    home = tmp_path / "ben"
    home.mkdir()
    world.evidence.rename(str(home), "/home/ben")
    with (
        _leaving_nothing(world.target, user, world.suffix) as world.arrange_other,
        closing(_surface(request, surface_name, home, "ben", world.target, user, world.evidence)) as surface,
    ):
        yield surface


def _surface(
    request: pytest.FixtureRequest,
    name: str,
    home: Path,
    user: str,
    target: Target,
    credentials: Credentials,
    evidence: Recorder,
) -> ApiSurface | CliSurface | UiSurface:
    if name == "api":
        return ApiSurface(target.url, credentials, evidence)
    if name == "cli":
        grid = cast("str", request.getfixturevalue("grid"))
        return CliSurface(grid, home, user, (target.url, credentials), evidence)
    browser = cast("Chromium", request.getfixturevalue("shared_chromium"))
    return UiSurface(target.url, credentials, browser, evidence, user)


def _user(target: Target, name: str, evidence: Recorder) -> Credentials:
    """A new user on the run's own server; on another one, the users that the environment gives."""
    if target.process:
        unique = f"{name}-{uuid4().hex[:8]}"
        evidence.rename(unique, name)
        return target.process.add_user(unique)
    prefix = "GRID_" if name == "ana" else "GRID_OTHER_"
    user_id, key = os.environ.get(f"{prefix}USER_ID"), os.environ.get(f"{prefix}API_KEY")
    if not user_id or not key:
        evidence.not_run(f"This server's run has no {prefix}USER_ID and {prefix}API_KEY.")
    return Credentials(user_id, key)


@contextmanager
def _leaving_nothing(target: Target, user: Credentials, suffix: str) -> Iterator[ApiSurface]:
    """The API as this user; afterwards, a server that others use is left as it was found."""
    with closing(ApiSurface(target.url, user, None)) as api:
        yield api
        kept = api.clean(suffix) if suffix else []
        assert kept == [], "This could not be deleted."


def pytest_bdd_before_scenario(request: pytest.FixtureRequest, scenario: Scenario) -> None:
    """Tell the world what the scenario will ask."""
    world: World = request.getfixturevalue("world")
    world.steps = "\n".join(step.name for step in scenario.steps)
