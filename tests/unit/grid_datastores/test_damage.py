"""What changes in storage by itself is noticed: manifests when they are read, contents while they are sent."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from in_process import Browser, Terminal
from sqlalchemy import update

from grid_datastores.catalog import schema
from grid_datastores.domain.errors import Damaged
from grid_datastores.domain.model import FileEntry, Source, SourceKind, User, Version
from grid_datastores.server.ui.archive import tar, tar_size
from grid_datastores.service import Service
from grid_datastores.service import reading as reading_module
from grid_datastores.storage import Manifest, pack
from grid_datastores.storage.packing import CHUNK, WithoutAttributes

LARGE = b"0123456789" * (CHUNK // 4)  # two and a half chunks
CONTENTS = {"a/small.csv": b"1,2,3\n", "b/empty": b"", "b/next.csv": b"4,5,6\n", "large.bin": LARGE}
FOLDER = "an-empty-folder"


class _File(WithoutAttributes):
    def __init__(self, path: str) -> None:
        self.path, self.size = path, len(CONTENTS[path])

    def chunks(self) -> list[bytes]:
        return [CONTENTS[self.path]]


@pytest.fixture
def version(service: Service, ana: User) -> Version:
    begun = service.uploads.begin(ana, "data", Source(SourceKind.FILES, "data"))
    packed = pack(map(_File, CONTENTS), service.uploads.sink(ana, begun.id), lambda _: None)  # type: ignore[arg-type]
    files = (file._replace(modified=10**18) for _, entries in packed for file in entries)
    return service.uploads.publish(ana, begun.id, Manifest.of(files, [FOLDER]))


@pytest.fixture
def stored(version: Version, tmp_path: Path) -> Path:
    """The folder of the version in storage."""
    return tmp_path / "data" / "versions" / version.id


def _spoil(stored: Path, old: bytes, new: bytes) -> None:
    """Change a few stored bytes."""
    for path in stored.iterdir():
        if (at := path.read_bytes().find(old)) >= 0:
            path.chmod(0o644)
            with path.open("r+b") as file:
                file.seek(at)
                file.write(new)
            return
    raise AssertionError("they are not stored as they are")


def _api(browser: Browser, path: str, **headers: str) -> httpx.Response:
    token = browser.service.accounts.new_token(browser.user or browser.service.accounts.local("ana"))
    return browser.send("GET", path, headers={"authorization": f"Bearer {token}", **headers})


def _read_all(service: Service, ana: User, version: Version) -> list[Callable[[], object]]:
    """Every way to read what the version contains."""
    reading = service.reading
    return [
        lambda: reading.manifest(ana, version.id),
        lambda: list(reading.listed_files(ana, version.id)),
        lambda: b"".join(reading.encoded_manifest(ana, version.id).chunks),
        lambda: reading.entry(ana, version.id, "large.bin"),
        lambda: list(reading.files(ana, version.id)),
        lambda: reading.object(ana, version.id, "file-00001"),
    ]


@pytest.mark.proves("damaged-lists-are-refused")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"a/small.csv", b"a/smell.csv"),
        (FOLDER.encode(), b"an-empty-holder"),
        (b"1000000000000000000", b"1000000000000000001"),
        (sha256(LARGE).hexdigest().encode(), sha256(b"other").hexdigest().encode()),
        (b"[", b"("),
    ],
    ids=["path", "folder", "time", "digest", "syntax"],
)
def test_a_list_of_files_that_has_changed_is_refused_wherever_it_is_read(
    service: Service, ana: User, version: Version, stored: Path, old: bytes, new: bytes
) -> None:
    for read in _read_all(service, ana, version):
        read()
    service.reading._decoded.cache_clear()
    _spoil(stored / "", old, new)
    for read in _read_all(service, ana, version):
        with pytest.raises(Damaged, match=r"^The list of files of this version is damaged in storage"):
            read()


@pytest.mark.proves("damaged-lists-are-refused")
def test_a_list_of_an_older_release_is_compared_with_the_fingerprint(
    service: Service, ana: User, version: Version, stored: Path
) -> None:
    with service.context.catalog.write() as tx:
        tx.versions._connection.execute(update(schema.versions).values(manifest_sha256=""))
    for read in _read_all(service, ana, version):
        read()
    service.reading._decoded.cache_clear()
    _spoil(stored, b"a/small.csv", b"a/smell.csv")
    for read in _read_all(service, ana, version):
        with pytest.raises(Damaged, match=r"^The list of files of this version is damaged in storage"):
            read()


@pytest.mark.proves("damaged-lists-are-refused")
def test_no_page_and_no_answer_has_a_renamed_path(browser: Browser, version: Version, stored: Path) -> None:
    _spoil(stored, b"a/small.csv", b"a/smell.csv")
    for path in (f"/v1/core/local/datastores/{version.id}/manifest", f"/v1/core/datastores/{version.id}/files"):
        answer = _api(browser, path)
        assert (answer.status_code, answer.json()["details"][0]["reason"]) == (500, "DATA_DAMAGED")
    page = browser.get("/datastores/data/versions/1")
    assert "The list of files of this version is damaged in storage" in page
    for path in ("download", "files/large.bin", "files/a/smell.csv", "preview/large.bin"):
        answer = browser.send("GET", f"/datastores/data/versions/1/{path}")
        assert answer.status_code == 500
        assert "list of files of this version is damaged" in answer.text


@pytest.mark.proves("damaged-lists-are-refused")
@pytest.mark.parametrize(
    "command", [("datastore", "files"), ("datastore", "download"), ("run", "--name", "r")], ids=lambda words: words[-1]
)
def test_no_command_uses_a_renamed_path(terminal: Terminal, command: tuple[str, ...]) -> None:
    terminal.create({"small.csv": b"1,2,3", "other.csv": b"4"})
    (stored,) = (terminal.home / ".grid" / "data" / "versions").iterdir()
    _spoil(stored, b"small.csv", b"smell.csv")
    if command[0] == "run":
        words = (*command, "--datastore_name", "data", "--datastore_version", "1", "--", "true")
    else:
        words = (*command, "--name", "data", "--version", "1")
    answer = terminal.type(*words)
    assert (answer.code, answer.out.strip()) == (1, "")
    assert answer.err.startswith("Error: The list of files of this version is damaged in storage, so it was not used.")
    assert answer.err.count("\n") == 1
    assert "smell" not in str(sorted(terminal.home.rglob("*")))


@pytest.mark.proves("damaged-objects-are-not-sent")
@pytest.mark.parametrize("content", [b"1,2,3\n", b"4,5,6\n", LARGE], ids=["first", "last", "large"])
def test_a_damaged_object_ends_before_the_end_of_its_damaged_file(
    service: Service, ana: User, version: Version, stored: Path, content: bytes
) -> None:
    _spoil(stored, content, b"!")
    names = {file.object for file in service.reading.manifest(ana, version.id).files}
    damaged = [name for name in names if (stored / name).read_bytes().find(b"!") >= 0]
    for name in names:
        received: list[bytes] = []
        if name not in damaged:
            size, chunks = service.reading.object(ana, version.id, name)
            assert sum(map(len, chunks)) == size
            continue
        with pytest.raises(Damaged):
            received.extend(service.reading.object(ana, version.id, name)[1])
        assert sum(map(len, received)) < (stored / name).stat().st_size


@pytest.mark.proves("damaged-objects-are-not-sent")
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_an_object_that_is_missing_or_cut_is_damaged(
    service: Service, ana: User, version: Version, stored: Path, damage: str
) -> None:
    entry = service.reading.entry(ana, version.id, "large.bin")
    (stored / entry.object).chmod(0o644)
    if damage == "missing":
        (stored / entry.object).unlink()
    else:
        os.truncate(stored / entry.object, len(LARGE) - 1)
    for read in (
        lambda: list(service.reading.file(ana, version.id, "large.bin")[1]),
        lambda: list(service.reading.part(ana, version.id, entry, 5, 7)),
        lambda: list(service.reading.object(ana, version.id, entry.object)[1]),
    ):
        with pytest.raises(Damaged, match=r" it is damaged in storage, so it was not sent\."):
            read()


def test_damage_is_told_each_time_it_is_found(service: Service, ana: User, version: Version, stored: Path) -> None:
    """`grid serve` logs each of these once."""
    said: list[str] = []
    object.__setattr__(service.context, "on_damage", said.append)
    _spoil(stored, b"1,2,3", b"1;2,3")
    for _ in range(2):
        with pytest.raises(
            Damaged, match=r"^a/small\.csv does not match its SHA-256: it is damaged in storage, so it was not sent"
        ):
            service.reading.file(ana, version.id, "a/small.csv")
    _spoil(stored, b"b/next.csv", b"b/text.csv")
    service.reading._decoded.cache_clear()
    with pytest.raises(Damaged):
        service.reading.manifest(ana, version.id)
    expected = [f"'a/small.csv' of the version with the id {version.id} is damaged in storage"] * 2
    assert said == [*expected, f"the list of files of the version with the id {version.id} is damaged in storage"]


def test_the_length_of_a_tar_file_is_known_before_it_is_made() -> None:
    odd = {"a": 0, "b" * 100: 1, "c" * 101: 512, "été": 513, "d/" * 80 + "d": 7, "old": 3, "huge": 8**11}
    times = [None, 0, 10**18, -5, 8**11 * 10**9, 1, 1]
    files = [
        FileEntry(path, size, "", "o", 0, modified=time) for (path, size), time in zip(odd.items(), times, strict=True)
    ]
    manifest = Manifest(tuple(files), ("empty", "e" * 120))
    sparse = [(file, iter([bytes(file.size)] if file.size < 8**11 else [])) for file in files]
    made = sum(map(len, tar(sparse, manifest.folders)))
    assert tar_size(manifest) == made + 8**11


def _file(browser: Browser, name: str, **headers: str) -> httpx.Response:
    return browser.send("GET", f"/datastores/data/versions/1/files/{name}", headers=headers)


def _tag(content: bytes) -> str:
    return f'"{sha256(content).hexdigest()}"'


@pytest.mark.proves("file-has-digest-and-etag")
@pytest.mark.usefixtures("version")
def test_a_file_has_its_digest_and_its_tag(browser: Browser) -> None:
    for name, content in CONTENTS.items():
        answer = _file(browser, name)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["etag"] == _tag(content)
        digest = b64encode(sha256(content).digest()).decode()
        assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
        assert answer.headers["accept-ranges"] == "bytes"
        for known in (_tag(content), f'"x", W/{_tag(content)}', "*"):
            again = _file(browser, name, **{"if-none-match": known, "range": "bytes=0-0"})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", _tag(content))
        assert _file(browser, name, **{"if-none-match": _tag(b"other")}).content == content
        assert _file(browser, name, **{"if-match": f'"x",{_tag(content)}'}).status_code == 200
        for other in (_tag(b"other"), f"W/{_tag(content)}"):
            assert _file(browser, name, **{"if-match": other}).status_code == 412


@pytest.mark.proves("one-range-is-answered")
@pytest.mark.parametrize(
    ("requested", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-99", 5, 100),
        ("Bytes=5-", 5, len(LARGE)),
        ("bytes=-7", len(LARGE) - 7, len(LARGE)),
        (f"bytes=-{len(LARGE) + 1}", 0, len(LARGE)),
        (f"bytes={CHUNK}-{10**19}", CHUNK, len(LARGE)),
    ],
)
@pytest.mark.usefixtures("version")
def test_a_part_of_a_file_is_sent(browser: Browser, requested: str, start: int, stop: int) -> None:
    for more in ({}, {"if-range": _tag(LARGE)}):
        answer = _file(browser, "large.bin", range=requested, **more)
        assert (answer.status_code, answer.content) == (206, LARGE[start:stop])
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(LARGE)}"
        assert answer.headers["content-length"] == str(stop - start)
        assert answer.headers["etag"] == _tag(LARGE)
    for other in (_tag(b"other"), f"W/{_tag(LARGE)}", "Thu, 01 Jan 2026 00:00:00 GMT"):
        assert _file(browser, "large.bin", range=requested, **{"if-range": other}).content == LARGE


@pytest.mark.proves("one-range-is-answered")
@pytest.mark.parametrize(
    "requested", ["bytes=0-1,3-4", "bytes=5-2", "bytes=-", "bytes=", "lines=0-1", "bytes=a-b", "bytes=0-" + "9" * 30]
)
@pytest.mark.usefixtures("version")
def test_the_whole_file_is_sent_for_what_is_not_one_range(browser: Browser, requested: str) -> None:
    answer = _file(browser, "large.bin", range=requested)
    assert (answer.status_code, answer.content) == (200, LARGE)


@pytest.mark.proves("one-range-is-answered")
@pytest.mark.usefixtures("version")
def test_a_range_outside_of_a_file_is_refused(browser: Browser) -> None:
    for name, requested in (("large.bin", f"bytes={len(LARGE)}-"), ("large.bin", "bytes=-0"), ("b/empty", "bytes=0-")):
        answer = _file(browser, name, range=requested)
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(CONTENTS[name])}"
    assert _file(browser, "b/empty", range="bytes=-5").status_code == 200
    head = browser.send("HEAD", "/datastores/data/versions/1/files/large.bin", headers={"range": "bytes=0-1"})
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(LARGE)))


@pytest.mark.proves("range-of-damaged-file")
def test_a_part_of_a_damaged_file_is_refused_unless_the_file_is_large(
    browser: Browser, version: Version, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (url,) = (
        file["url"]
        for file in _api(browser, f"/v1/core/datastores/{version.id}/files").json()["files"]
        if file["filename"] == "large.bin"
    )
    path = re.sub(r"^https?://[^/]+", "", url)
    _spoil(stored, LARGE, b"!")
    for limit in (reading_module.MAX_CHECKED, len(LARGE)):
        monkeypatch.setattr(reading_module, "MAX_CHECKED", limit)
        refused = browser.send("GET", path, headers={"range": "bytes=5-9"})
        assert (refused.status_code, refused.json()["details"][0]["reason"]) == (500, "DATA_DAMAGED")
    monkeypatch.setattr(reading_module, "MAX_CHECKED", len(LARGE) - 1)
    sent = browser.send("GET", path, headers={"range": "bytes=5-9"})
    assert (sent.status_code, sent.content) == (206, LARGE[5:10])
    assert sent.headers["repr-digest"] == f"sha-256=:{b64encode(sha256(LARGE).digest()).decode()}:"


@pytest.mark.proves("manifest-has-digest-and-etag")
def test_a_manifest_has_its_digest_and_its_tag(browser: Browser, version: Version, stored: Path) -> None:
    content = (stored / "manifest.jsonl").read_bytes()
    path = f"/v1/core/local/datastores/{version.id}/manifest"
    answer = _api(browser, path)
    assert (answer.content, answer.headers["content-length"]) == (content, str(len(content)))
    assert answer.headers["etag"] == _tag(content)
    assert answer.headers["repr-digest"] == f"sha-256=:{b64encode(sha256(content).digest()).decode()}:"
    again = _api(browser, path, **{"if-none-match": _tag(content)})
    assert (again.status_code, again.content) == (304, b"")
