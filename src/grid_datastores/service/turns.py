"""Shares the places for fetches among users, so that sources that send slowly hold up nobody else.

A fetch keeps its place until it ends, unless a user who has none waits for one. Then the slowest fetch gives its place
up, if it has had its turn and has brought less than the floor lately. It is put back: it waits again, and its
next turn is twice as long, so that a source that is slow for good reasons arrives in the end. Such long turns take at
most half of the places, so that the others still change hands after `TURN`.

The floor rises while somebody waits in vain, so that no constant rate keeps a place for ever.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from grid_datastores.domain.model import Version

MAX_FETCHES_PER_USER = 2
MAX_FETCHES = 3 * MAX_FETCHES_PER_USER
MAX_LONG_TURNS = MAX_FETCHES // 2  # fetches that were put back, at once
TURN = 30.0  # seconds for which a fetch keeps its place in any case, the first time
LONGEST_TURN = 3600.0  # seconds
FLOOR = 1024 * 1024  # bytes in the last `TURN`; with less, a fetch gives up its place if somebody waits for it
FLOOR_DOUBLES = 300.0  # seconds of waiting in vain after which the floor is twice as high
JUDGE_INTERVAL = 2.0  # seconds
_SAMPLES = 30  # per `TURN`
_DOUBLINGS = 40  # at most, which is more than any of them needs


@dataclass(slots=True)
class _Turn:
    """A fetch in its place. `samples` are times with the bytes that had arrived before, oldest first."""

    version: Version
    began: float
    length: float  # seconds
    arrived: int = 0
    samples: deque[tuple[float, int]] = field(default_factory=deque)
    asked: float | None = None  # when it was asked to give way

    def add(self, count: int, now: float) -> None:
        if not self.samples or now - self.samples[-1][0] >= TURN / _SAMPLES:
            self.samples.append((now, self.arrived))
        self.arrived += count

    def recent(self, now: float) -> int:
        """Return the bytes that arrived in the last `TURN`."""
        while len(self.samples) > 1 and self.samples[1][0] <= now - TURN:
            self.samples.popleft()
        if not self.samples or (len(self.samples) == 1 and self.samples[0][0] <= now - TURN):
            return 0
        return self.arrived - self.samples[0][1]

    def rate(self, now: float) -> float:
        """Return the recent bytes per second."""
        return self.recent(now) / max(1.0, min(now - self.began, TURN))

    def over(self, now: float) -> bool:
        return now - self.began >= self.length


class Turns:
    """The fetches of this process: which are in a place, and which wait."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Have no fetch yet. `clock` returns seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}
        self._unfinished: Sequence[Version] = ()
        self._waiting: list[Version] = []
        self._judged = float("-inf")  # when
        self._since: dict[str, float] = {}  # when a fetch began to wait in vain
        self._times_put_back: Counter[str] = Counter()  # how often, by version
        self._elsewhere: dict[str, float] = {}  # when another process was seen to have it
        self._served: dict[str, float] = {}  # when a user last got a place

    def take(self, unfinished: Sequence[Version], tried: Collection[str]) -> Version | None:
        """Give a place to the next of these fetches, oldest first, and return it. None if no one may have one.

        The user with the fewest fetches in places comes first, then the one who has waited longest for one.
        """
        with self._lock:
            self._list(unfinished)
            ready = [version for version in self._waiting if version.id not in tried and self._may_begin(version)]
            if not ready:
                return None
            version, now = min(ready, key=self._order), self._clock()
            length = min(LONGEST_TURN, TURN * 2 ** min(self._times_put_back[version.id], _DOUBLINGS))
            self._turns[version.id] = _Turn(version, now, length)
            self._served[version.owner_id] = now
            self._list(self._unfinished)
            return version

    def end(self, version: Version) -> bool:
        """Free the place of this fetch. Return whether it was put back, and waits again."""
        with self._lock:
            turn = self._turns.pop(version.id)
            self._times_put_back[version.id] += turn.asked is not None
            return turn.asked is not None

    def add(self, version: Version, count: int) -> None:
        """Record that so many bytes of the fetch have arrived or were unpacked."""
        with self._lock:
            self._turns[version.id].add(count, self._clock())

    def must_judge(self) -> bool:
        """Return whether `held_up` is to be asked now, with a new list: every few seconds, if a place is wanting."""
        with self._lock:
            if not self._crowded() or self._clock() - self._judged < JUDGE_INTERVAL:
                return False
            self._judged = self._clock()
            return True

    def list(self, unfinished: Sequence[Version]) -> None:
        """Use this list of all fetches that are not finished, oldest first."""
        with self._lock:
            self._list(unfinished)

    def held_up(self) -> tuple[Version, Version] | None:
        """Return a fetch that must give up its place, and the waiting one for which; None if there is none."""
        with self._lock:
            now = self._clock()
            if any(turn.asked is not None and now - turn.asked < TURN for turn in self._turns.values()):
                return None
            for waiter in sorted(filter(self._in_vain, self._waiting), key=self._order):
                rivals = sorted(self._rivals(waiter, now), key=lambda turn: turn.rate(now))
                slowest = next((turn for turn in rivals if turn.over(now)), None)
                if slowest and slowest.recent(now) < self._floor(waiter, now, raised=slowest is rivals[0]):
                    return slowest.version, waiter
            return None

    def _floor(self, waiter: Version, now: float, *, raised: bool) -> float:
        """Return the floor, or the raised one. That does not count for a fetch while a younger one is slower."""
        waited = now - self._since.get(waiter.id, now) if raised else 0
        return FLOOR * 2 ** min(waited // FLOOR_DOUBLES, _DOUBLINGS)

    def put_back(self, version: Version) -> None:
        """Let this fetch give up its place."""
        with self._lock:
            if turn := self._turns.get(version.id):
                turn.asked = self._clock()

    def gives_way(self, version: Version) -> bool:
        """Return whether this fetch must end and wait again."""
        with self._lock:
            return self._turns[version.id].asked is not None

    def is_elsewhere(self, version: Version) -> None:
        """For a while, do not count a fetch as waiting, because another process has it."""
        with self._lock:
            self._elsewhere[version.id] = self._clock()

    def _list(self, unfinished: Sequence[Version]) -> None:
        """Use this list, and forget the fetches that are not in it."""
        now = self._clock()
        self._unfinished = unfinished
        ids = {version.id for version in unfinished}
        self._elsewhere = {key: at for key, at in self._elsewhere.items() if key in ids and now - at < TURN}
        self._times_put_back = Counter({key: count for key, count in self._times_put_back.items() if key in ids})
        self._waiting = [version for version in unfinished if version.id not in self._turns]
        self._since = {item.id: self._since.get(item.id, now) for item in self._waiting if self._in_vain(item)}

    def _may_begin(self, version: Version) -> bool:
        has_share = self._in_places(version.owner_id) < MAX_FETCHES_PER_USER
        return version.id not in self._turns and has_share and not self._no_place(version)

    def _in_vain(self, version: Version) -> bool:
        alone = not self._in_places(version.owner_id)
        return alone and self._no_place(version) and version.id not in self._elsewhere

    def _no_place(self, version: Version) -> bool:
        return len(self._turns) >= MAX_FETCHES or (bool(self._times_put_back[version.id]) and self._long_turns_taken())

    def _crowded(self) -> bool:
        return len(self._turns) >= MAX_FETCHES or self._long_turns_taken()

    def _long_turns_taken(self) -> bool:
        return sum(turn.length > TURN for turn in self._turns.values()) >= MAX_LONG_TURNS

    def _rivals(self, waiter: Version, now: float) -> Iterator[_Turn]:
        """Yield the fetches that the waiting one can replace: those that are not in a long turn or asked already."""
        only_long = bool(self._times_put_back[waiter.id]) and self._long_turns_taken()
        for turn in self._turns.values():
            if turn.asked is None and (turn.length <= TURN or turn.over(now)) and (turn.length > TURN or not only_long):
                yield turn

    def _order(self, version: Version) -> tuple[int, float, int]:
        owner = version.owner_id
        return self._in_places(owner), self._served.get(owner, float("-inf")), self._times_put_back[version.id]

    def _in_places(self, owner_id: str) -> int:
        return sum(turn.version.owner_id == owner_id for turn in self._turns.values())
