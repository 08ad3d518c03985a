"""The places for fetches go round among the users, second by second, whatever their sources send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from grid_datastores.domain.model import Phase, Source, SourceKind, Version, VersionRef
from grid_datastores.service.turns import (
    FLOOR,
    FLOOR_DOUBLES,
    JUDGE_INTERVAL,
    MAX_FETCHES,
    MAX_FETCHES_PER_USER,
    MAX_LONG_TURNS,
    TURN,
    Turns,
)

Sends = Callable[[int], int]
"""The bytes that a source sends in this second of a fetch."""

MIB = 1024 * 1024
DRIP: Sends = lambda _second: 10  # noqa: E731
FAST: Sends = lambda _second: 10 * MIB  # noqa: E731


@dataclass(repr=False)
class World:
    """Fetches of this many bytes in the places of a server, as seconds go by."""

    now: float = 0.0
    sends: dict[str, Sends] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)  # bytes
    sizes: dict[str, int] = field(default_factory=dict)
    versions: dict[str, Version] = field(default_factory=dict)  # the unfinished ones
    begun: dict[str, float] = field(default_factory=dict)  # those in places
    put_back: list[str] = field(default_factory=list)
    done: dict[str, float] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)  # do not notice soon that they were put back

    def __post_init__(self) -> None:
        self.turns = Turns(lambda: self.now)

    def fetch(self, owner: str, sends: Sends, size: int = 1000 * MIB, name: str = "") -> str:
        """A new fetch of a user; its id."""
        key = f"{owner}/{name or len(self.sends)}"
        source = Source(SourceKind.ARCHIVE, "https://a.example/a.zip")
        created = datetime(2026, 1, 1, tzinfo=UTC)
        version = Version(key, owner, VersionRef("a", 1), source, Phase.FETCHING, created_at=created)
        self.versions[key], self.sends[key], self.sizes[key] = version, sends, size
        return key

    def attack(self, users: int, sends: Sends = DRIP) -> None:
        for user in range(users):
            for _ in range(4):
                self.fetch(f"eve{user}", sends)

    def go(self, seconds: float, until: str = "") -> None:
        """Time passes, or until this one has a place."""
        end = self.now + seconds
        self._fill()
        while self.now < end and until not in self.begun and until not in self.done:
            self.now += 1
            for key in list(self.begun):
                self._second(key)

    def _second(self, key: str) -> None:
        version, age = self.versions[key], int(self.now - self.begun[key])
        size = self.sends[key](age)
        self.turns.add(version, size)
        self.left[key] -= size
        if self.left[key] <= 0:
            self.done[key] = self.now
            del self.versions[key]
            self._end(key, version)
            return
        if self.turns.must_judge():
            self.turns.list(list(self.versions.values()))
            if held_up := self.turns.held_up():
                self.turns.put_back(held_up[0])
        if self.turns.gives_way(version) and key not in self.deaf:
            self.put_back.append(key)
            self._end(key, version)

    def _end(self, key: str, version: Version) -> None:
        del self.begun[key]
        self.turns.end(version)
        self._fill()

    def _fill(self) -> None:
        while version := self.turns.take(list(self.versions.values()), ()):
            self.begun[version.id] = self.now
            self.left[version.id] = self.sizes[version.id]


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.proves("slow-fetch-gives-way")
@pytest.mark.parametrize("users", [3, 18])
def test_somebody_who_comes_has_a_place_after_a_turn_however_many_drip(world: World, users: int) -> None:
    world.attack(users)
    world.go(TURN - 1)
    assert world.put_back == []
    assert len(world.begun) == MAX_FETCHES
    fetch = world.fetch("ana", FAST)
    turns_before = users // MAX_FETCHES  # of those who came earlier and had no place yet
    world.go(turns_before * (TURN + 2 * JUDGE_INTERVAL) + 3, until=fetch)
    assert fetch in world.begun
    world.go(2 * TURN + 100)
    assert fetch in world.done
    assert fetch not in world.put_back


@pytest.mark.proves("places-by-user-in-turn")
def test_the_next_place_is_for_the_user_with_the_fewest_and_then_for_who_waited_longest(world: World) -> None:
    many = [world.fetch("eve", FAST, name=f"{n}") for n in range(5)]
    one = [world.fetch(user, FAST) for user in ("ana", "bea", "cleo", "dora", "ella", "fay")]
    world.go(1)
    assert list(world.begun) == [many[0], *one[:5]]
    world.go(1000)
    assert list(world.done) == [many[0], *one[:5], one[5], *many[1:]]


@pytest.mark.proves("fetches-per-user")
def test_a_user_has_two_places_at_most(world: World) -> None:
    for _ in range(5):
        world.fetch("eve", DRIP)
    world.go(10 * TURN)
    assert len(world.begun) == MAX_FETCHES_PER_USER
    assert world.put_back == []  # her own do not push each other out


@pytest.mark.proves("slow-fetch-alone-keeps-its-place")
def test_a_slow_source_that_holds_up_nobody_is_left_alone(world: World) -> None:
    for user in ("ana", "bea", "cleo"):
        for _ in range(2):
            world.fetch(user, DRIP)
    world.go(100 * TURN)
    assert world.put_back == []


@pytest.mark.proves("floor-of-fetches")
@pytest.mark.parametrize(("share", "kept"), [(1.1, True), (0.9, False)])
def test_a_fetch_keeps_its_place_if_it_brings_as_much_as_the_floor_in_a_turn(
    world: World, share: float, *, kept: bool
) -> None:
    world.attack(3, lambda _second: int(share * FLOOR / TURN))
    world.go(TURN)
    world.fetch("dora", FAST)
    world.go(TURN)
    assert (world.put_back == []) is kept


@pytest.mark.proves("slowest-fetch-first")
def test_the_slowest_fetch_gives_up_its_place_first(world: World) -> None:
    rates = (50, 20, 10, 40, 30, 60)
    fetches = [
        world.fetch(user, lambda _second, rate=rate: rate)  # type: ignore[misc]
        for rate, user in zip(rates, ("a", "b", "c") * 2, strict=True)
    ]
    world.go(TURN)
    world.fetch("dora", FAST)
    world.fetch("ella", FAST)
    world.go(TURN / 2)
    assert world.put_back == [fetches[2], fetches[1]]


@pytest.mark.proves("second-turn-is-twice-as-long")
def test_a_fetch_that_begins_again_keeps_its_place_for_twice_as_long(world: World) -> None:
    world.attack(7)
    world.go(TURN + JUDGE_INTERVAL)
    first = world.put_back[0]
    while first not in world.begun:
        world.go(1)
    began = world.now
    while first in world.begun:
        world.go(1)
    assert world.put_back.count(first) == 2
    assert 2 * TURN <= world.now - began <= 3 * TURN


@pytest.mark.proves("floor-of-fetches-rises")
def test_no_constant_rate_keeps_all_places_for_ever(world: World) -> None:
    world.attack(3, lambda _second: FLOOR // 20)
    world.go(TURN)
    fetch = world.fetch("ana", FAST)
    world.go(FLOOR_DOUBLES - TURN, until=fetch)
    assert fetch not in world.begun
    world.go(2 * TURN, until=fetch)
    assert fetch in world.begun


def test_a_source_that_hangs_after_a_fast_start_gives_way(world: World) -> None:
    world.attack(3, lambda second: 90 * MIB if second < 5 else 0)
    world.go(6)
    fetch = world.fetch("ana", FAST)
    world.go(TURN + JUDGE_INTERVAL + 3, until=fetch)
    assert fetch in world.begun


def test_a_fetch_that_does_not_end_when_it_should_holds_up_nobody_else(world: World) -> None:
    world.attack(3)
    world.go(1)
    world.deaf = {next(iter(world.begun))}
    fetch = world.fetch("ana", FAST)
    world.go(2 * TURN + 2 * JUDGE_INTERVAL, until=fetch)
    assert fetch in world.begun


@pytest.mark.proves("put-back-fetch-arrives")
def test_a_source_that_takes_minutes_to_begin_arrives_in_spite_of_many_that_drip(world: World) -> None:
    world.attack(6)
    world.go(TURN)
    fetch = world.fetch("ana", lambda second: 0 if second < 300 else 10 * MIB, size=100 * MIB)
    while fetch not in world.done:
        world.go(60)
        assert world.now < 3600
    assert fetch in world.put_back


@pytest.mark.proves("put-back-fetches-take-half-of-the-places")
def test_long_turns_leave_places_for_others(world: World) -> None:
    world.attack(10)
    world.go(900)
    for number in range(5):
        fetch = world.fetch(f"ana{number}", FAST, size=MIB)
        world.go(TURN + JUDGE_INTERVAL + 3, until=fetch)
        assert fetch in {*world.begun, *world.done}
        long = [key for key in world.begun if key in world.put_back]
        assert len(long) <= MAX_LONG_TURNS
        assert fetch not in world.put_back
    assert set(world.begun) & set(world.put_back)


@pytest.mark.proves("slow-fetch-alone-keeps-its-place")
def test_users_who_have_a_place_do_not_push_each_other_out(world: World) -> None:
    for user in ("ana", "bea", "cleo", "dora", "ella", "fay"):
        for _ in range(2):
            world.fetch(user, DRIP)
    world.go(20 * TURN)
    assert world.put_back == []


def test_nobody_gives_way_for_a_fetch_that_another_process_has(world: World) -> None:
    world.attack(3)
    world.go(1)
    fetch = world.fetch("ana", FAST)
    world.go(TURN - 3)
    world.turns.is_elsewhere(world.versions[fetch])
    world.go(TURN - 3)
    assert world.put_back == []
