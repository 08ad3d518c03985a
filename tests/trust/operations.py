"""Operations in every order, by Hypothesis: each answer is compared with a small model's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import Phase as HypothesisPhase
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from grid_datastores.domain.errors import Refusal
from grid_datastores.domain.model import Phase, VersionRef, WorkloadKind, WorkloadState
from trust.attack import Attack, Figures
from trust.history import History, Kept, Work
from trust.machines import scratch, server_in
from trust.places import LEASE, QUOTA, InProcess, OnServer, begin, read, send

_OPERATIONS, _WRONG = "operations", "answers other than the model's"
_STEPS = 60  # of one history
_HISTORIES, _FEW_HISTORIES = 25, 5  # in one folder
_USERS = ("ana", "ben")
_user = st.sampled_from(_USERS)
_name = st.sampled_from(("data", "birds"))
_work = st.sampled_from(("one", "two"))
_kind = st.sampled_from(WorkloadKind)
_pick = st.integers(0, 10_000)
_files = st.dictionaries(st.sampled_from(("a", "b/c", "d")), st.binary(max_size=40), min_size=1)
_STATES = {
    WorkloadKind.SESSION: (WorkloadState.PAUSED, WorkloadState.RUNNING, WorkloadState.DELETED),
    WorkloadKind.RUN: (
        WorkloadState.SUCCEEDED,
        WorkloadState.FAILED,
        WorkloadState.CANCELED,
        WorkloadState.DELETED,
    ),
}


def _answer(call: Callable[[], Any]) -> Any:
    """What a call returns, or the class of its refusal."""
    try:
        return call()
    except Refusal as refusal:
        return type(refusal)


class Operations(RuleBasedStateMachine):
    """The rules. Subclasses say where they are tried."""

    place: InProcess | OnServer
    figures: Figures

    def __init__(self) -> None:
        super().__init__()
        self.history = History()
        self._born = 0
        self.place.new_users(_USERS)

    def teardown(self) -> None:
        """Compare all once more."""
        for user in _USERS:
            self._look(user)

    def _count(self) -> None:
        self.figures.count(_OPERATIONS)
        self._born += 1

    def _any(self, number: int) -> Kept:
        kept = self.history.kept
        return kept[-1 - number % min(len(kept), 12)]

    def _ref(self, name: str, number: int) -> VersionRef:
        """One that exists or existed, or, one time in four, perhaps never did."""
        if number % 4:
            return self._any(number // 4).ref
        highest = max((kept.ref.number for kept in self.history.kept), default=1)
        return VersionRef(name, number // 4 % (highest + 1) + 1)

    @initialize(files=_files)
    def some(self, files: dict[str, bytes]) -> None:
        """Begin with a version of each user, and an upload."""
        for user in _USERS:
            self.create(user, "data", files)
        self.begin("ana", "birds")

    @rule(user=_user, name=_name)
    def begin(self, user: str, name: str) -> None:
        """Begin an upload, and leave it so."""
        self._count()
        self._begin(user, name)

    def _begin(self, user: str, name: str) -> Kept | None:
        expected = self.history.room(user)
        answer = _answer(lambda: begin(self.place.datastores(user), name))
        if expected:
            assert answer is expected
            return None
        number = self.history.next_number(user, name)
        assert answer.ref == VersionRef(name, number), (answer, number)
        kept = Kept(user, answer, self.history.now)
        self.history.kept.append(kept)
        return kept

    @rule(user=_user, name=_name, files=_files)
    def create(self, user: str, name: str, files: dict[str, bytes]) -> None:
        """Create a version."""
        self._count()
        if kept := self._begin(user, name):
            self._send(user, kept, files)

    @rule(user=_user, pick=_pick, files=_files)
    def send(self, user: str, pick: int, files: dict[str, bytes]) -> None:
        """Send files to any version, of this user or the other, finished, deleted or not."""
        self._count()
        self._send(user, self._any(pick), files)

    def _send(self, user: str, kept: Kept, files: dict[str, bytes]) -> None:
        expected = self.history.takes_data(user, kept)
        answer = _answer(lambda: send(self.place.datastores(user), kept.version, files))
        if expected:
            assert answer is expected, (answer, expected)
            return
        assert answer.phase is Phase.AVAILABLE, answer
        assert (answer.file_count, answer.size_bytes) == (len(files), sum(map(len, files.values())))
        kept.phase, kept.files, kept.version = Phase.AVAILABLE, files, answer

    @rule(user=_user, pick=_pick)
    def abandon(self, user: str, pick: int) -> None:
        """Abandon an upload; a finished version stays."""
        kept = self._any(pick)
        if kept.owner == user:
            self._count()
            assert _answer(lambda: self.place.datastores(user).abandon(kept.version)) is None
            if kept.phase is Phase.UPLOADING:
                kept.phase = Phase.DELETED

    @rule(user=_user, name=_name, number=_pick)
    def delete(self, user: str, name: str, number: int) -> None:
        """Delete a version."""
        self._count()
        ref = self._ref(name, number)
        expected, kept = self.history.deletable(user, ref), self.history.find(user, ref)
        before = self.history.used(user)
        answer = _answer(lambda: self.place.datastores(user).delete(ref))
        if expected:
            assert answer is expected, (answer, expected)
            return
        assert kept
        kept.phase = Phase.DELETED
        others = [one for one in self.history.of(user) if one.ref.name == ref.name and one.phase is not Phase.FAILED]
        assert (answer.ref, answer.id) == (ref, kept.version.id)
        assert [one.number for one in answer.remaining] == [one.ref.number for one in others]
        assert (answer.quota_before.used, answer.quota_after.used) == (before, self.history.used(user))

    @rule(user=_user, name=_name, number=_pick)
    def verdict(self, user: str, name: str, number: int) -> None:
        """Ask what a delete would do."""
        self._count()
        ref = self._ref(name, number)
        expected, kept = self.history.deletable(user, ref), self.history.find(user, ref)
        answer = _answer(lambda: self.place.datastores(user).verdict(ref))
        if kept and kept.phase is not Phase.DELETED:
            assert bool(answer.refusal) == bool(expected), answer
        else:
            assert answer is expected, (answer, expected)

    @rule(user=_user, name=_name, number=_pick)
    def details(self, user: str, name: str, number: int) -> None:
        """Show a version."""
        self._count()
        kept = self.history.find(user, self._ref(name, number))
        answer = _answer(lambda: self.place.datastores(user).details(self._ref(name, number)))
        if kept is None:
            assert answer.reason == "NOT_FOUND", answer
            return
        assert (answer.version.id, answer.version.phase) == (kept.version.id, kept.phase), (answer, kept)
        assert {holder.name for holder in answer.holders} == self.history.holders(kept), answer

    @rule(user=_user, pick=_pick)
    def read(self, user: str, pick: int) -> None:
        """Read any version."""
        self._count()
        kept = self._any(pick)
        expected = self.history.readable(user, kept)
        answer = _answer(lambda: read(self.place.datastores(user), kept.version))
        assert answer == (expected or kept.files), (answer, expected, kept)

    @rule(user=_user, kind=_kind, name=_work, picks=st.lists(_pick, min_size=1, max_size=2), leased=st.booleans())
    def start(self, user: str, kind: WorkloadKind, name: str, picks: list[int], leased: bool) -> None:
        """Start a Session or a Run with one or two versions."""
        mounts = list(dict.fromkeys(kept for kept in map(self._any, picks) if kept.owner == user))
        leased = leased and kind is WorkloadKind.RUN
        if mounts:
            self._count()
            expected = self.history.mountable(user, kind, name, mounts)
            paths = {kept.ref: "" for kept in mounts}
            answer = _answer(lambda: self.place.datastores(user).start(kind, name, paths, leased=leased))
            if expected:
                assert answer is expected, (answer, expected)
                return
            until = self.history.now + LEASE if leased else None
            self.history.work.append(Work(user, answer, tuple(mounts), self._born, until))

    @rule(user=_user, kind=_kind, name=_work, pick=_pick)
    def change(self, user: str, kind: WorkloadKind, name: str, pick: int) -> None:
        """Pause, resume or end it."""
        self._count()
        state = _STATES[kind][pick % len(_STATES[kind])]
        work = self.history.named(user, kind, name)
        expected = self.history.can_become(work, state)
        answer = _answer(lambda: self.place.datastores(user).set_state(kind, name, state))
        if expected:
            assert answer is expected, (answer, expected)
            return
        assert work
        assert answer.id == work.workload.id
        if work.state is not state:
            work.state, work.state_since = state, self.history.now

    @rule(pick=_pick)
    def heartbeat(self, pick: int) -> None:
        """Send a Run's heartbeat."""
        runs = [work for work in self.history.work if work.workload.kind is WorkloadKind.RUN]
        if runs:
            self._count()
            run = runs[pick % len(runs)]
            expected = self.history.beats(run)
            answer = _answer(lambda: self.place.datastores(run.owner).heartbeat(run.workload))
            if expected:
                assert answer is expected, (answer, expected)
            else:
                self.history.beat(run)
                assert answer.state is WorkloadState.RUNNING

    @rule(user=_user)
    def look(self, user: str) -> None:
        """List all."""
        self._count()
        self._look(user)

    def _look(self, user: str) -> None:
        datastores, history = self.place.datastores(user), self.history
        listed = [(version.ref, version.id, version.phase) for version in datastores.versions()]
        assert listed == [(kept.ref, kept.version.id, kept.phase) for kept in history.of(user)]
        quota = datastores.quota()
        assert (quota.used, quota.limit) == (history.used(user), QUOTA)
        for kind in WorkloadKind:
            found = {(work.id, work.state) for work in datastores.workloads(kind)}
            assert found == {(work.workload.id, work.state) for work in history.of_kind(user, kind)}


class _InProcess(Operations):
    """In this process, with time that passes and a process that ends."""

    place: InProcess

    @rule(seconds=st.sampled_from((0.5, 20.0, LEASE + 0.5, 150.5)), noticed=st.booleans())
    def time_passes(self, seconds: float, noticed: bool) -> None:
        """Time passes; the server may look for what has expired."""
        self._count()
        self.history.now += seconds
        if noticed:
            self.place.go(seconds)
            self.history.tidy()
        else:
            self.place.pass_unnoticed(seconds)

    @rule()
    def reopen(self) -> None:
        """The process ends, and another begins."""
        self._count()
        self.place.reopen()

    @rule()
    def erase(self) -> None:
        """The removal leaves the folders of versions that exist, and no other."""
        self._count()
        self.place.datastores("ana").erase_deleted()
        erased = (Phase.DELETED, Phase.FAILED)
        left = {kept for kept in self.history.kept if (self.place.storage / kept.version.id).is_dir()}
        assert left == {kept for kept in self.history.kept if kept.phase not in erased}


def _try(place: InProcess | OnServer, rules: type[Operations], figures: Figures, budget: int, seed: int) -> None:
    """Try some histories, of so many operations at most in all."""
    how = settings(
        max_examples=_HISTORIES if budget > _HISTORIES * _STEPS else _FEW_HISTORIES,  # the first is always trivial
        stateful_step_count=_STEPS,
        deadline=None,
        database=None,
        phases=[HypothesisPhase.generate],  # a history that is not shrunk is repeated by its seed
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    tried = seeded(seed + figures.counts["histories"])(type("Rules", (rules,), {"place": place, "figures": figures}))
    figures.count("histories", how.max_examples)
    try:
        run_state_machine_as_test(tried, settings=how)
    except Exception as error:
        notes = "\n".join(getattr(error, "__notes__", []))
        figures.fault(_WRONG, f"{type(error).__name__}: {error}\n{notes}")


def run_in_process(budget: int, seed: int) -> Figures:
    """Try so many operations in this process."""
    figures = Figures()
    while figures.counts[_OPERATIONS] < budget and not figures.faults:
        with scratch(in_memory=True) as folder, closing(InProcess(folder)) as place:
            _try(place, _InProcess, figures, budget, seed)
    return figures


def run_on_server(budget: int, seed: int) -> Figures:
    """Try so many operations on a server."""
    figures = Figures()
    quota = {"GRID_QUOTA": str(QUOTA)}
    with scratch() as folder, server_in(folder, quota) as server, closing(OnServer(server)) as place:
        while figures.counts[_OPERATIONS] < budget and not figures.faults:
            _try(place, Operations, figures, budget, seed)
    return figures


IN_PROCESS = Attack(
    "operations",
    "operations in every order, in one process",
    _OPERATIONS,
    (_WRONG,),
    run_in_process,
    bounded=1_500,
    long=90_000,
    parts=4,
)
ON_SERVER = Attack(
    "operations-http",
    "operations in every order, over HTTP",
    _OPERATIONS,
    (_WRONG,),
    run_on_server,
    bounded=300,
    long=10_000,
    parts=2,
)
