"""The decisions, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from grid_datastores.domain import naming, rules
from grid_datastores.domain.errors import (
    AlreadyDeleted,
    Immutable,
    InUse,
    InvalidInput,
    NotFound,
    NotMountable,
    NotReadable,
    NotThatState,
    QuotaReached,
    Refusal,
)
from grid_datastores.domain.model import (
    Holder,
    Phase,
    Quota,
    Source,
    SourceKind,
    Version,
    VersionRef,
    Workload,
    WorkloadKind,
    WorkloadState,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SESSION, RUN = WorkloadKind.SESSION, WorkloadKind.RUN


def _version(phase: Phase) -> Version:
    source = Source(SourceKind.FILES, "/data")
    return Version("id", "owner", VersionRef("data", 3), source, phase, NOW, deleted_at=NOW, deleted_by="ana")


def _workload(
    kind: WorkloadKind, state: WorkloadState, lease: datetime | None = None, name: str = "w", age: int = 0
) -> Workload:
    return Workload(f"{name}{age}", kind, "owner", name, state, NOW, NOW - timedelta(days=age), (), lease)


@pytest.mark.proves("names")
@pytest.mark.parametrize("name", ["a", "7", "my-training-data", "a_b", "a" * 63, "0-0"])
def test_names(name: str) -> None:
    assert naming.check_name(name) == name


@pytest.mark.proves("names")
@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "-a", "a-", "_a", "a.b", "a" * 64, "é", "a\n", "🐧", "\x00"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not a valid datastore name"):
        naming.check_name(name)


def test_the_nearest_name_that_is_one_is_offered() -> None:
    with pytest.raises(InvalidInput, match=r"Try my-data\.$"):
        naming.check_name("My Data!")
    with pytest.raises(InvalidInput) as refused:
        naming.check_name("x" * 300)
    assert len(refused.value.message) < 350, "a long name is not repeated whole"


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("/home/ana/Penguins", "penguins"),
        ("/home/ana/penguins/", "penguins"),
        ("penguins.tar.gz", "penguins"),
        ("https://example.org/a/Penguins.ZIP?token=1#top", "penguins"),
        ("s3://bucket/prefix/Palmer Penguins", "palmer-penguins"),
        ("/data/.hidden", "hidden"),
        ("/data/" + "d" * 100, "d" * 63),
        ("/data/été 2026", "t-2026"),
        ("https://example.org/Palmer%20Penguins.zip", "palmer-penguins"),
        ("/data/run#1?.csv", "run-1"),
        ("model.safetensors", "model"),
        ("train.tfrecords", "train"),
        ("train.TFRecord", "train"),
        ("birds.parquet", "birds"),
        ("birds.csv.gz", "birds"),
        ("birds.jsonl.gz", "birds"),
        ("birds.tar.zst", "birds"),
        ("birds.tar.bz2", "birds"),
        ("birds.tgz", "birds"),
        ("scan.nii.gz", "scan"),
        ("birds.jsonlines.xz", "birds"),
        ("weights.h5", "weights"),
        ("birds.7z", "birds"),
        ("clip.mp4", "clip"),
        ("birds.gz", "birds"),
        ("s3://bucket/models/llama.safetensors", "llama"),
        ("model.v2.1.safetensors", "model-v2-1"),
        ("model-1.5.tar.gz", "model-1-5"),
        ("model.v2", "model-v2"),
        ("birds.2026", "birds-2026"),
        ("birds.2026.gz", "birds-2026"),
        ("s3://bucket/model.v2/", "model-v2"),
        ("/data/.csv.gz", "csv"),
        ("/data/.gz", "gz"),
        ("/data/50%20.csv", "50-20"),
    ],
)
def test_names_from_sources(location: str, name: str) -> None:
    assert naming.name_from_source(location) == name
    assert naming.check_name(name) == name


@pytest.mark.parametrize(
    ("location", "name"), [("model.v2", "model-v2"), ("/data/Model.v3/", "model-v3"), ("/data/été.2026", "t-2026")]
)
def test_names_from_folders(location: str, name: str) -> None:
    assert naming.name_from_folder(location) == name


@pytest.mark.parametrize(
    "location", ["", "/", "///", "/data/🐧", "...", "???", "https://example.org/%20.zip?key=secret"]
)
def test_sources_that_give_no_name(location: str) -> None:
    with pytest.raises(InvalidInput, match="--name") as refused:
        naming.name_from_source(location)
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("10", 10), ("2147483647", 2**31 - 1)])
def test_numbers(text: str, number: int) -> None:
    assert naming.parse_number(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "0", "00", "03", "-1", "+1", "1.0", "1e3", " 1", "latest", "all", "2147483648", "9" * 5000, "¹", "١", "0x1"],
)
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(InvalidInput, match="There is no 'latest' or 'all'") as refused:
        naming.parse_number(text)
    assert len(refused.value.message) < 150


@pytest.mark.parametrize(("used", "fits"), [(0, True), (49, True), (50, False), (51, False)])
def test_the_quota(used: int, fits: bool) -> None:
    quota, unused = Quota(used, 50), [VersionRef("old", 1), VersionRef("older", 2)]
    if fits:
        rules.check_quota(quota, unused)
        return
    with pytest.raises(QuotaReached) as refused:
        rules.check_quota(quota, unused)
    assert "grid datastore delete --name old --version 1" in refused.value.message
    with pytest.raises(
        QuotaReached, match=r"All of them are in use. .* grid datastore show --name NAME --version VERSION$"
    ):
        rules.check_quota(quota, [])


PHASES = [Phase.UPLOADING, Phase.FETCHING, Phase.OPTIMIZING, Phase.AVAILABLE, Phase.FAILED, Phase.DELETED]
EXPECTED: dict[str, list[type[Refusal] | None]] = {
    "check_mountable": [NotMountable, NotMountable, NotMountable, None, NotMountable, AlreadyDeleted],
    "check_readable": [NotReadable, NotReadable, NotReadable, None, NotReadable, AlreadyDeleted],
    "check_open": [None, Immutable, Immutable, Immutable, Immutable, AlreadyDeleted],
    "check_not_deleted": [None, None, None, None, None, AlreadyDeleted],
}


@pytest.mark.proves("phases-and-what-they-allow")
@pytest.mark.parametrize("check", EXPECTED)
@pytest.mark.parametrize("place", range(len(PHASES)))
def test_what_each_phase_allows(check: str, place: int) -> None:
    expected = EXPECTED[check][place]
    if expected is None:
        getattr(rules, check)(_version(PHASES[place]))
        return
    with pytest.raises(expected) as refused:
        getattr(rules, check)(_version(PHASES[place]))
    assert "ersion 3 of data" in refused.value.message


@pytest.mark.proves("deletable-unless-in-use")
@pytest.mark.parametrize("phase", PHASES)
def test_what_is_held_is_never_deletable(phase: Phase) -> None:
    holder = Holder(SESSION, "1", "tuning", WorkloadState.PAUSED, NOW)
    run = Holder(RUN, "2", "training", WorkloadState.RUNNING, NOW)
    with pytest.raises(AlreadyDeleted if phase is Phase.DELETED else InUse) as refused:
        rules.check_deletable(_version(phase), [holder, run])
    if phase is not Phase.DELETED:
        for part in ("Session tuning (paused since 2026-01-02 03:04:05 UTC", "grid session delete tuning", "training"):
            assert part in refused.value.message
        rules.check_deletable(_version(phase), [])


def test_one_holder_is_in_the_line_and_several_are_a_list() -> None:
    holders = [Holder(SESSION, name, name, WorkloadState.RUNNING, NOW) for name in ("a", "b")]
    with pytest.raises(InUse) as one:
        rules.check_deletable(_version(Phase.AVAILABLE), holders[:1])
    assert one.value.message == (
        "Version 3 of data is in use by Session a (running since 2026-01-02 03:04:05 UTC)."
        " The version was not deleted. To release it: grid session delete a"
    )
    with pytest.raises(InUse) as several:
        rules.check_deletable(_version(Phase.AVAILABLE), holders)
    assert several.value.message.split("\n  ") == [
        "Version 3 of data is in use by 2 Sessions and Runs. The version was not deleted. To release it:",
        "grid session delete a  # Session a (running since 2026-01-02 03:04:05 UTC)",
        "grid session delete b  # Session b (running since 2026-01-02 03:04:05 UTC)",
    ]


@pytest.mark.parametrize(
    ("path", "kept"),
    [("/data", "/data"), ("/a/b c/été", "/a/b c/été"), ("/data/", "/data"), ("/..data", "/..data"), ("/", "/")],
)
def test_where_a_version_can_be_mounted(path: str, kept: str) -> None:
    assert rules.check_mount_path(path) == kept
    assert rules.check_mount_path("/" + "d" * 254) == "/" + "d" * 254


@pytest.mark.parametrize(
    "path",
    ["../../etc", "relative", "/a/../etc", "/..", "/a/./b", "/a//b", "//a", "/" + "d" * 255, "/\x1b[31m", "/a\n", ""],
)
def test_where_no_version_can_be_mounted(path: str) -> None:
    with pytest.raises(InvalidInput, match="is not a valid mount path") as refused:
        rules.check_mount_path(path)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 250


@pytest.mark.parametrize(
    ("state", "lease", "holding"),
    [
        (WorkloadState.RUNNING, None, True),
        (WorkloadState.PAUSED, None, True),
        (WorkloadState.RUNNING, timedelta(seconds=1), True),
        (WorkloadState.RUNNING, timedelta(0), False),
        (WorkloadState.RUNNING, timedelta(seconds=-1), False),
        (WorkloadState.SUCCEEDED, None, False),
        (WorkloadState.DELETED, timedelta(hours=1), False),
    ],
)
def test_who_holds(state: WorkloadState, lease: timedelta | None, holding: bool) -> None:
    assert rules.holds(_workload(RUN, state, None if lease is None else NOW + lease), NOW) is holding


ALLOWED = {
    (SESSION, "running"): {"running", "paused", "deleted", "failed"},
    (SESSION, "paused"): {"paused", "running", "deleted", "failed"},
    (SESSION, "deleted"): {"deleted"},
    (RUN, "running"): {"running", "succeeded", "failed", "canceled", "deleted"},
    (RUN, "succeeded"): {"succeeded", "deleted"},
    (RUN, "deleted"): {"deleted"},
}


@pytest.mark.proves("run-cannot-be-paused")
@pytest.mark.parametrize(("kind", "state"), ALLOWED)
@pytest.mark.parametrize("wanted", WorkloadState)
def test_steps_of_workloads(kind: WorkloadKind, state: str, wanted: WorkloadState) -> None:
    workload = _workload(kind, WorkloadState(state))
    if wanted.value in ALLOWED[kind, state]:
        rules.check_transition(workload, wanted)
        return
    with pytest.raises(NotThatState):
        rules.check_transition(workload, wanted)


def test_of_several_workloads_of_a_name_the_live_one_is_meant_else_the_newest() -> None:
    ended = _workload(SESSION, WorkloadState.FAILED)
    live = _workload(SESSION, WorkloadState.PAUSED, age=9)
    older = _workload(SESSION, WorkloadState.FAILED, age=5)
    other = _workload(SESSION, WorkloadState.RUNNING, name="other")
    assert rules.pick_by_name([older, ended, live, other], SESSION, "w") is live
    assert rules.pick_by_name([ended, older], SESSION, "w") is ended
    with pytest.raises(NotFound, match="There is no Session x"):
        rules.pick_by_name([other], SESSION, "x")


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://u:p@example.com:8443/a/b.zip?sig=1#x", "https://example.com:8443/a/b.zip"),
        ("HTTP://u:p@[::1/a.zip?sig=1", "HTTP://[::1/a.zip"),
        ("https://example.com?sig=1", "https://example.com"),
        ("s3://birds/what?#%20", "s3://birds/what?#%20"),
        ("/home/ana/what?", "/home/ana/what?"),
        ("a b://c?d", "a b://c?d"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(location: str, shown: str) -> None:
    assert naming.shown_location(location) == shown
