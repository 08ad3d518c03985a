"""A server reads a bucket with its own credentials, so only for users whom its operator allows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acceptance.server import ServerProcess
from reliability.machine import Machine
from reliability.sources.s3 import S3


@pytest.fixture
def server(new_server: ServerProcess) -> ServerProcess:
    _allow(new_server, "birds/2026")
    return new_server


def _allow(server: ServerProcess, buckets: str) -> None:
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    server.operate({**aws, "GRID_ALLOW_SOURCE_BUCKETS": buckets})


@pytest.mark.proves("operator-allows-buckets")
def test_a_bucket_that_is_not_allowed_is_neither_copied_nor_referenced_nor_read(
    s3: S3, server: ServerProcess, grid: str, tmp_path: Path
) -> None:
    s3.make_bucket("birds", {"2026/a.csv": b"1\n", "2027/b.csv": b"2\n"})
    s3.make_bucket("admin-finance", {"q3/pay.csv": b"3\n"})
    home = tmp_path / "ana"
    home.mkdir()
    ana = Machine(grid, home)
    ana.server, ana.user = server, server.add_user("ana")
    for source in ("s3://admin-finance/q3", "s3://birds/2027"):
        for how in ((), ("--no-copy",)):
            done = ana.run("datastore", "create", source, "--name", "data", *how)
            done.refused("is not an allowed source", "GRID_ALLOW_SOURCE_BUCKETS")
    ana.run("datastore", "create", "s3://birds/2026", "--name", "birds", "--no-copy").done()
    reads = (
        "run",
        "--name",
        "r",
        "--datastore_name",
        "birds",
        "--datastore_version",
        "1",
        "--",
        "cat",
        "{birds}/a.csv",
    )
    assert "1" in ana.run(*reads).done()
    _allow(server, "other")
    ana.run("datastore", "clearcache").done()
    ana.run(*reads).refused("The bucket birds is not an allowed source")
