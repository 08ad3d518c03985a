"""A bucket's objects become files, copied or referenced, from a real S3-speaking server; else one sentence says why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grid_datastores.domain.errors import SourceFailed
from grid_datastores.domain.model import Source, SourceKind
from grid_datastores.sources import bucket as bucket_module
from grid_datastores.sources import s3 as s3_module
from grid_datastores.sources.bucket import Bucket
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.sources.remote import open_remote
from grid_datastores.storage import LocalStorage, Manifest, pack
from reliability.machine import Machine
from reliability.sources.archive_server import ArchiveServer, Handler
from reliability.sources.s3 import PAGE, S3
from reliability.sources.sink import StorageSink

OBJECTS = {
    "penguins.csv": b"species,island\n",
    "images/a.png": bytes(range(256)) * 8000,
    "images/deep/er/b": b"2",
    "empty": b"",
    "images/empty too": b"",
    "p\u00e9 %20+#?&=~*'\"<>:|.txt": b"odd but a name",
    "__MACOSX/._x": b"\0",
}
FAST = FetchLimits(stall_seconds=30)


def read(location: str, kind: SourceKind = SourceKind.BUCKET, limits: FetchLimits = FAST) -> dict[str, bytes]:
    with open_remote(Source(kind, location), Path("/nowhere"), limits) as remote:
        files = {file.path: b"".join(file.chunks()) for file in remote.files}
        assert remote.size_bytes == sum(map(len, files.values()))
    return files


def below(prefix: str) -> dict[str, bytes]:
    return {f"{prefix}{path}": content for path, content in OBJECTS.items()}


@pytest.mark.parametrize("kind", [SourceKind.BUCKET, SourceKind.REFERENCE])
@pytest.mark.parametrize(
    ("prefix", "location"), [("", "s3://birds"), ("a/b/", "s3://birds/a/b"), ("a/b/", "s3://birds/a/b/")]
)
def test_all_objects_below_a_prefix_are_read(s3: S3, kind: SourceKind, prefix: str, location: str) -> None:
    s3.make_bucket("birds", below(prefix))
    assert read(location, kind) == OBJECTS


def test_a_bucket_becomes_a_version_byte_for_byte(s3: S3, tmp_path: Path) -> None:
    s3.make_bucket("birds", below("set/"))
    storage = LocalStorage(tmp_path)
    storage.begin("v1")

    with open_remote(Source(SourceKind.BUCKET, "s3://birds/set/"), tmp_path, FAST) as remote:
        packed = pack(remote.files, StorageSink(storage), lambda _: None)
        manifest = Manifest.of(entry for _, entries in packed for entry in entries)
    stored = {file.path: b"".join(storage.read("v1", file.object, file.offset, file.size)) for file in manifest.files}
    assert stored == OBJECTS


def test_only_what_is_below_the_prefix_is_read(s3: S3) -> None:
    s3.make_bucket("birds", below("set/") | {"set2/x": b"1", "settle": b"2", "x": b"3", "other/set/x": b"4"})
    assert read("s3://birds/set") == OBJECTS


def test_objects_that_stand_for_folders_are_left_out_and_empty_files_are_not(s3: S3) -> None:
    markers = {"set/": b"", "set/images/": b"", "set/alone/": b"", "set/deep/er/": b""}
    s3.make_bucket("birds", below("set/") | markers | {"set/set": b"of the same name"})
    assert read("s3://birds/set/") == OBJECTS | {"set": b"of the same name"}


def test_more_objects_than_one_page_of_a_listing_are_read(s3: S3) -> None:
    s3.make_bucket("birds", {f"n/{n}": b"x" for n in range(2 * PAGE + 3)})
    assert len(Bucket("s3://birds/n", FAST).files()) == 2 * PAGE + 3


def test_a_large_object_is_read_in_parts_of_bounded_size(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_module, "_PART", 1000)
    content = bytes(range(256)) * 10
    s3.make_bucket("birds", {"x": content})
    chunks = list(Bucket("s3://birds", FAST).files()[0].chunks())
    assert b"".join(chunks) == content
    assert [len(chunk) for chunk in chunks] == [1000, 1000, 560]


def test_a_piece_of_an_object_is_read_on_demand(s3: S3) -> None:
    s3.make_bucket("birds", below("set/"))
    listed = next(file for file in Bucket("s3://birds/set", FAST).files() if file.path == "images/a.png")
    later = Bucket("s3://birds/set", FAST).file(listed.path, listed.size, listed.etag)
    assert later == listed
    assert b"".join(later.read(300, 10)) == bytes(range(44, 54))
    assert b"".join(later.read(listed.size - 5, 5)) == bytes(range(251, 256))
    assert b"".join(later.read(7, 0)) == b""


@pytest.mark.parametrize("content", [b"other", b"new", b"", b"longer than before"])
def test_an_object_that_changed_since_it_was_listed_is_noticed(s3: S3, content: bytes) -> None:
    s3.make_bucket("birds", {"set/x": b"old"})
    (file,) = Bucket("s3://birds/set", FAST).files()
    s3.put("birds", "set/x", content)
    with pytest.raises(SourceFailed, match="x in s3://birds/set has changed since it was listed"):
        list(file.chunks())


def test_an_object_that_changes_while_it_is_read_is_noticed(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_module, "_PART", 1000)
    s3.make_bucket("birds", {"x": b"1" * 3000})
    chunks = Bucket("s3://birds", FAST).files()[0].chunks()
    assert next(chunks) == b"1" * 1000
    s3.put("birds", "x", b"2" * 3000)
    with pytest.raises(SourceFailed, match="has changed since it was listed"):
        next(chunks)


def test_an_empty_object_that_was_filled_is_noticed(s3: S3) -> None:
    s3.make_bucket("birds", {"x": b""})
    (file,) = Bucket("s3://birds", FAST).files()
    s3.put("birds", "x", b"filled")
    with pytest.raises(SourceFailed, match="has changed since it was listed"):
        list(file.chunks())


def test_an_object_that_is_gone_is_told(s3: S3) -> None:
    s3.make_bucket("birds", {"set/x": b"1", "set/empty": b""})
    files = Bucket("s3://birds/set", FAST).files()
    for file in files:
        s3.delete("birds", f"set/{file.path}")
        with pytest.raises(SourceFailed, match=f"{file.path} in s3://birds/set no longer exists"):
            list(file.chunks())


LISTING = b"""<?xml version="1.0"?><ListBucketResult><Name>birds</Name><Prefix></Prefix><KeyCount>1</KeyCount>
<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents><Key>x</Key><LastModified>2024-01-01T00:00:00.000Z
</LastModified><ETag>"one"</ETag><Size>3</Size></Contents></ListBucketResult>"""
DATED = {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}


@pytest.mark.parametrize("headers", [{"ETag": '"two"'}, {"ETag": '"one"'}])
def test_a_server_that_does_not_know_if_match_cannot_pass_on_other_bytes(
    s3: S3, web: ArchiveServer, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.url(""))
    web.serve("/birds", LISTING)
    (file,) = Bucket("s3://birds", FAST).files()
    web.refuse("/birds/x", 206, b"abc", **{"Content-Range": "bytes 0-2/3"}, **headers, **DATED)
    if headers["ETag"] == '"one"':
        assert b"".join(file.chunks()) == b"abc"
    else:
        with pytest.raises(SourceFailed, match="has changed since it was listed"):
            list(file.chunks())


@pytest.mark.parametrize("location", ["s3://birds", "s3://birds/set", "s3://birds/set/", "s3://birds/set/x/"])
def test_a_prefix_with_no_object_below_it_is_refused(s3: S3, location: str) -> None:
    s3.make_bucket("birds", {} if location == "s3://birds" else {"set/": b"", "other": b"1"})
    if location == "s3://birds/set/x/":
        s3.put("birds", "set/x", b"an object, not a folder")
    with pytest.raises(SourceFailed, match=f"^{location} contains no object. A version needs at least one file.$"):
        read(location)


@pytest.mark.parametrize("kind", [SourceKind.BUCKET, SourceKind.REFERENCE])
@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 8000])
def test_one_object_is_a_file_under_its_last_name(s3: S3, kind: SourceKind, content: bytes) -> None:
    s3.make_bucket("birds", {"set/deep/one.csv": content, "set/deep/one.csv2": b"of another name"})
    assert read("s3://birds/set/deep/one.csv", kind) == {"one.csv": content}


def test_one_object_of_the_bucket_itself_is_a_file(s3: S3) -> None:
    s3.make_bucket("birds", {"one": b"1", "two": b"2"})
    assert read("s3://birds/one") == {"one": b"1"}


@pytest.mark.proves("slash-means-the-folder")
def test_of_an_object_and_a_folder_of_one_name_the_slash_means_the_folder(s3: S3) -> None:
    s3.make_bucket("birds", {"set": b"the object", "set/a": b"1", "set/set": b"2"})
    assert read("s3://birds/set") == {"set": b"the object"}
    assert read("s3://birds/set/") == {"a": b"1", "set": b"2"}


@pytest.mark.proves("empty-object-marks-a-folder")
def test_an_empty_object_beside_a_folder_of_its_name_is_its_mark(s3: S3) -> None:
    s3.make_bucket("birds", {"set": b"", "set/a": b"1"})
    assert read("s3://birds/set") == {"a": b"1"}


def test_one_object_that_changed_or_is_gone_is_told(s3: S3) -> None:
    s3.make_bucket("birds", {"set/x": b"old"})
    (file,) = Bucket("s3://birds/set/x", FAST).files()
    s3.put("birds", "set/x", b"new")
    with pytest.raises(SourceFailed, match=r"^s3://birds/set/x has changed since it was listed"):
        list(file.chunks())
    s3.delete("birds", "set/x")
    with pytest.raises(SourceFailed, match=r"^s3://birds/set/x no longer exists"):
        list(file.chunks())


def test_one_object_of_too_many_bytes_is_refused(s3: S3) -> None:
    s3.make_bucket("birds", {"x": b"12345"})
    assert read("s3://birds/x", limits=FetchLimits(total_bytes=5))
    with pytest.raises(SourceFailed, match="more than the allowed 4 bytes"):
        read("s3://birds/x", limits=FetchLimits(total_bytes=4))


@pytest.mark.parametrize("status", [401, 403, 400])
def test_a_folder_is_listed_where_the_key_of_its_name_may_not_be_looked_at(
    s3: S3, web: ArchiveServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.url(""))
    web.refuse("/birds/set", status)
    web.serve("/birds", LISTING.replace(b"<Key>x", b"<Key>set/x"))
    assert [file.path for file in Bucket("s3://birds/set", FAST).files()] == ["x"]


def test_one_object_that_may_not_be_looked_at_is_not_called_missing(
    s3: S3, web: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.url(""))
    web.refuse("/birds/set", 403)
    web.serve("/birds", LISTING.partition(b"<Contents>")[0] + b"</ListBucketResult>")
    with pytest.raises(SourceFailed, match=r"^The bucket birds denies access"):
        read("s3://birds/set")


@pytest.mark.proves("create-answers-number-and-content", "reference-stores-no-copy")
@pytest.mark.parametrize("no_copy", [False, True])
def test_one_object_becomes_a_version_and_is_read_again(s3: S3, embedded: Machine, no_copy: bool) -> None:
    s3.make_bucket("birds", {"2026/set": b"the object", "2026/set/set": b"of a folder"})
    embedded.extra = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    said = embedded.run("datastore", "create", "s3://birds/2026/set", *["--no-copy"] * no_copy).done()
    assert "Created version 1 of set: 1 file, 10 bytes." in said
    embedded.run("datastore", "download", "--name", "set", "--version", "1", "--to", "out").done()
    assert (embedded.home / "out" / "set").read_bytes() == b"the object"
    stored = [file for file in embedded.storage.rglob("*") if file.is_file() and b"the object" in file.read_bytes()]
    assert bool(stored) is not no_copy


@pytest.mark.proves("changed-object-is-named")
def test_an_object_that_changed_is_named_by_who_reads_its_version(s3: S3, embedded: Machine) -> None:
    s3.make_bucket("birds", {"2026/a": b"1", "2026/b": b"2"})
    embedded.extra = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    embedded.run("datastore", "create", "s3://birds/2026", "--name", "set", "--no-copy").done()
    s3.put("birds", "2026/b", b"3")
    said = embedded.run("datastore", "download", "--name", "set", "--version", "1", "--to", "out")
    said.refused("b in s3://birds/2026 has changed since it was listed")


@pytest.mark.parametrize("key", ["a//b", "a/../b", "a/./b"])
def test_a_name_that_cannot_be_read_is_refused_and_not_left_out(s3: S3, key: str) -> None:
    s3.make_bucket("birds", {"set/ok": b"1"})
    s3.put("birds", f"set/{key}", b"2")
    with pytest.raises(SourceFailed, match="contains an object whose key cannot be a file's path"):
        read("s3://birds/set")


@pytest.mark.parametrize("key", ["a\\b", "C:\\x"])
def test_a_name_that_a_version_cannot_hold_is_refused(s3: S3, key: str) -> None:
    s3.make_bucket("birds", {"set/ok": b"1", f"set/{key}": b"2"})
    with pytest.raises(SourceFailed, match="contains an object whose key cannot be a file's path"):
        read("s3://birds/set")


@pytest.mark.parametrize("kind", [SourceKind.BUCKET, SourceKind.REFERENCE])
@pytest.mark.parametrize("location", ["s3://birds/set", "s3://birds/set/" + "\u0439" * 133])
def test_a_name_that_no_ordinary_disk_takes_is_refused_by_name(s3: S3, kind: SourceKind, location: str) -> None:
    s3.make_bucket("birds", {"set/ok": b"1", "set/" + "\u0439" * 133: b"2"})
    with pytest.raises(SourceFailed, match=r"'\u0439{60}\u2026' is too long for a name: it has 266 bytes"):
        read(location, kind)


def test_a_bucket_that_is_not_there_is_told(s3: S3) -> None:
    with pytest.raises(SourceFailed, match=r"^The bucket nobirds does not exist\.$"):
        read("s3://nobirds/set")


@pytest.fixture
def guarded(s3: S3) -> Iterator[S3]:
    """A bucket behind credentials that nobody has."""
    s3.make_bucket("birds", {"x": b"1"})
    s3.require_credentials()
    yield s3
    s3.take_any_credentials()


def test_wrong_credentials_are_told_and_not_shown(guarded: S3) -> None:
    with pytest.raises(SourceFailed, match=r"^The credentials for the bucket birds are wrong") as refused:
        read("s3://birds")
    assert "secret" not in refused.value.message


def test_an_object_that_may_not_be_read_without_credentials_is_told(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.make_bucket("birds", {"x": b"1"})
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SourceFailed, match=r"^The bucket birds denies access"):
        read("s3://birds")


def test_a_public_bucket_is_read_without_credentials(
    s3: S3, web: ArchiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    signed: list[str | None] = []

    def answer(handler: Handler) -> None:
        signed.append(handler.headers["Authorization"])
        handler.begin(200, {"Content-Length": str(len(LISTING))})
        handler.wfile.write(LISTING)

    monkeypatch.setenv("AWS_ENDPOINT_URL", web.url(""))
    web.answers["/birds"] = answer
    assert [file.path for file in Bucket("s3://birds", FAST).files()] == ["x"]
    assert signed == [None]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    Bucket("s3://birds", FAST).files()
    assert "Credential=key/" in signed[1]


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "InvalidAccessKeyId", "credentials for the bucket birds are wrong or have expired"),
        (403, "SignatureDoesNotMatch", "credentials for the bucket birds are wrong or have expired"),
        (400, "ExpiredToken", "credentials for the bucket birds are wrong or have expired"),
        (403, "AccessDenied", "The bucket birds denies access"),
        (401, "", "The bucket birds denies access"),
        (404, "NoSuchBucket", "The bucket birds does not exist"),
        (301, "PermanentRedirect", "The bucket birds is in another region"),
        (400, "AuthorizationHeaderMalformed", "The bucket birds is in another region"),
        (400, "InvalidRequest", r"The bucket birds answered 400 \(InvalidRequest\)"),
        (503, "SlowDown", r"The bucket birds answered 503 \(SlowDown\)"),
        (200, "", "The bucket birds cannot be reached|answered"),
    ],
)
def test_what_a_bucket_answers_is_told_in_one_sentence(
    s3: S3, web: ArchiveServer, monkeypatch: pytest.MonkeyPatch, status: int, code: str, said: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.url(""))
    monkeypatch.setattr(s3_module, "_RETRIES", 1)
    web.refuse("/birds", status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b"")
    with pytest.raises(SourceFailed, match=said) as refused:
        read("s3://birds")
    assert refused.value.message.endswith(".")
    assert "\n" not in refused.value.message


def test_a_bucket_that_cannot_be_reached_is_told(s3: S3, web: ArchiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", web.url(""))
    web.stop()
    address = web.url("").removeprefix("http://")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://someone:hidden@{address}")
    with pytest.raises(SourceFailed, match=r"^The bucket birds cannot be reached\. Check ") as refused:
        read("s3://birds")
    assert "hidden" not in refused.value.message
    assert address not in refused.value.message, "the users of a server need not know where its buckets are"


@pytest.mark.proves("most-files-and-bytes-of-a-bucket")
def test_too_many_objects_or_bytes_are_refused_and_just_enough_are_not(s3: S3) -> None:
    s3.make_bucket("birds", {str(n): b"1234567890" for n in range(5)})
    assert len(read("s3://birds", limits=FetchLimits(files=5, total_bytes=50))) == 5
    with pytest.raises(SourceFailed, match="more than the allowed 4 files"):
        read("s3://birds", limits=FetchLimits(files=4))
    with pytest.raises(SourceFailed, match="more than the allowed 49 bytes"):
        read("s3://birds", limits=FetchLimits(total_bytes=49))
