"""Settings of the service of buckets that cannot be right: one sentence names the variable; no worker dies of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from acceptance.server import ServerProcess
from grid_datastores.domain.errors import SourceFailed
from grid_datastores.sources.bucket import Bucket
from grid_datastores.sources.limits import FetchLimits
from reliability.faults import prepared
from reliability.machine import Machine
from reliability.sources.s3 import S3

FAST = FetchLimits(stall_seconds=5)
NO_ENDPOINTS = ["junk", "localhost:9000", "minio:9000", "http://", "//h", "ftp://h", "http://h:x", "http://a b", ""]
NO_ENDPOINTS += ["http://h:99999", "http://[::1", "http://%zz", "http://\u00e9"]
WRONG = {
    "AWS_CONDITIONAL_PUT": "junk",
    "AWS_S3_EXPRESS": "junk",
    "AWS_CHECKSUM_ALGORITHM": "junk",
    "AWS_SERVER_SIDE_ENCRYPTION": "junk",
}

_PANIC = """
import grid_datastores.sources.remote as remote
class Panic(BaseException): pass
def panic(*_given):
    raise Panic("it panics")
remote.Bucket = panic
"""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.proves("bucket-variables")
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"])
@pytest.mark.parametrize("address", NO_ENDPOINTS)
def test_an_endpoint_that_is_no_address_is_named(settings: pytest.MonkeyPatch, name: str, address: str) -> None:
    settings.setenv(name, address)
    with pytest.raises(SourceFailed, match=f"^{name} is not a valid endpoint URL. Set it to one like"):
        Bucket("s3://birds", FAST).files()


@pytest.mark.proves("bucket-variables")
@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.parametrize("region", ["bad region", "\u00e9", "a/b", "a\nb", " us-east-1"])
def test_a_region_that_is_none_is_named(settings: pytest.MonkeyPatch, name: str, region: str) -> None:
    settings.setenv(name, region)
    with pytest.raises(SourceFailed, match=f"^{name} is not a valid region"):
        Bucket("s3://birds", FAST).files()


@pytest.mark.proves("bucket-variables")
def test_half_of_the_credentials_is_named(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("AWS_ACCESS_KEY_ID", "a")
    with pytest.raises(SourceFailed, match=r"^AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not. Set both"):
        Bucket("s3://birds", FAST)
    settings.setenv("AWS_SECRET_ACCESS_KEY", "b")
    settings.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(SourceFailed, match=r"^AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not. Set both"):
        Bucket("s3://birds", FAST)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"])
def test_credentials_with_a_line_s_end_are_named_and_not_shown(settings: pytest.MonkeyPatch, name: str) -> None:
    settings.setenv("AWS_ACCESS_KEY_ID", "hidden")
    settings.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    settings.setenv(name, "hidden\n")
    with pytest.raises(SourceFailed, match=f"^{name} contains a space, a line break") as refused:
        Bucket("s3://birds", FAST).files()
    assert "hidden" not in refused.value.message


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_value_that_the_library_does_not_take_is_named(settings: pytest.MonkeyPatch, name: str, value: str) -> None:
    settings.setenv("AWS_DISABLE_TAGGING", "true")
    settings.setenv(name, value)
    with pytest.raises(SourceFailed, match=f"^{name} is invalid. Correct it"):
        Bucket("s3://birds", FAST)


def test_a_panic_of_the_library_is_told(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("AWS_SKIP_SIGNATURE", "false")
    settings.setenv("AWS_METADATA_ENDPOINT", "//h")
    with pytest.raises(SourceFailed, match=r"^The bucket birds cannot be accessed. Check the AWS_"):
        Bucket("s3://birds", FAST).files()


def test_an_empty_region_is_as_none(s3: S3, settings: pytest.MonkeyPatch, s3_url: str) -> None:
    s3.make_bucket("birds", {"x": b"1"})
    settings.setenv("AWS_ENDPOINT_URL", s3_url)
    settings.setenv("AWS_REGION", "")
    settings.setenv("AWS_ACCESS_KEY_ID", "key")
    settings.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert [file.path for file in Bucket("s3://birds", FAST).files()] == ["x"]


@pytest.mark.proves("phase-shows-why-a-fetch-failed")
@pytest.mark.parametrize("setting", [("AWS_ENDPOINT_URL", "junk"), ("AWS_REGION", "bad region")])
def test_without_a_server_it_is_one_sentence(embedded: Machine, setting: tuple[str, str]) -> None:
    said = embedded.run("datastore", "create", "s3://birds/x", env=dict([setting]))
    said.refused(f"{setting[0]} is not a valid")
    shown = embedded.run("datastore", "show", "--name", "x", "--version", "1").done()
    assert re.search(rf"^Phase: +failed: {setting[0]} is not a valid", shown, re.MULTILINE), shown


@pytest.mark.proves("bucket-variables")
def test_a_server_tells_it_and_goes_on_telling(own_server: ServerProcess, embedded: Machine) -> None:
    """More often than it has workers that could die of it, the last time of what only the library finds out."""
    own_server.operate({"GRID_ALLOW_SOURCE_BUCKETS": "birds", "AWS_ENDPOINT_URL": "junk"})
    machine = Machine(embedded.grid, embedded.home, own_server, own_server.add_user("ana"))
    for _ in range(7):
        machine.run("datastore", "create", "s3://birds/x").refused("AWS_ENDPOINT_URL is not a valid endpoint URL")
    role = {"AWS_SKIP_SIGNATURE": "false", "AWS_METADATA_ENDPOINT": "junk"}
    own_server.operate({"GRID_ALLOW_SOURCE_BUCKETS": "birds", **role})
    machine.run("datastore", "create", "s3://birds/x").refused("The bucket birds cannot be accessed")


def test_what_is_no_exception_fails_the_version_and_nothing_else(embedded: Machine, tmp_path: Path) -> None:
    embedded.grid = prepared(tmp_path, _PANIC)
    said = embedded.run("datastore", "create", "s3://birds/x")
    assert said.code == 1
    assert said.err == "Error: it panics (for a traceback, set GRID_DEBUG=1)\n"
    embedded.run("datastore", "show", "--name", "x", "--version", "1").done()
    assert embedded.phases() == [(1, "FAILED")]


def test_what_is_no_exception_leaves_a_server_alive(embedded: Machine, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    server = ServerProcess(prepared(tmp_path, _PANIC), tmp_path / "server")
    server.operate({"GRID_ALLOW_SOURCE_BUCKETS": "birds"})
    machine = Machine(embedded.grid, embedded.home, server, server.add_user("ana"))
    try:
        for _ in range(7):
            machine.run("datastore", "create", "s3://birds/x").refused("an internal error occurred")
    finally:
        server.stop()
