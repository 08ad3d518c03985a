"""Hostile archives, and addresses that lead inside: nothing outside of a version, and no request."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from grid_datastores.domain.errors import Refusal, SourceFailed
from grid_datastores.sources.archive import open_archive
from grid_datastores.sources.limits import FetchLimits
from grid_datastores.storage.manifest import check_safe
from reliability.sources.archive_server import ArchiveServer
from reliability.sources.archives import fetch
from reliability.test_hostile_uploads import PATHS
from trust.attack import Attack, Figures
from trust.machines import scratch
from unit.grid_datastores.sources.test_source_addresses import HIDDEN

_TRIED = "archives and addresses"
_ESCAPED, _TOO_MUCH, _UNFORESEEN, _ASKED = (
    "files outside of a version",
    "more than the limits allow",
    "tracebacks",
    "requests to addresses inside",
)
_LIMITS = FetchLimits(total_bytes=2_000_000, files=200)
_NAMES = [path for path in PATHS if path.isascii() or path.isprintable()]
_SIZES = (0, 20, 20, 20, 20, 20, 20, 3_000_000)  # bytes
_LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "localhost",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
]


def run(budget: int, seed: int) -> Figures:
    """Try so many archives and addresses."""
    figures, random = Figures(), Random(seed)
    web, inside = ArchiveServer(), ArchiveServer()
    try:
        with scratch(in_memory=True) as folder:
            while figures.counts[_TRIED] < budget:
                if random.random() < 0.8:
                    _try_archive(figures, random, folder)
                else:
                    _try_address(figures, random, folder, web, inside)
                figures.count(_TRIED)
    finally:
        web.stop()
        inside.stop()
    return figures


def _try_archive(figures: Figures, random: Random, folder: Path) -> None:
    make, name = random.choice((_zip, _tar)), random.choice((_hostile, _sound))
    data = make(random, name)
    for _ in range(random.choice((0, 0, 1, 3, 20))):
        data = _damaged(random, data)
    if make is _tar:
        data = gzip.compress(data, 1)
        data = _damaged(random, data) if random.random() < 0.2 else data
    figures.count("archives")
    try:
        with open_archive(io.BytesIO(data), len(data), folder, _LIMITS) as contents:
            size = 0
            for file in contents.files:
                check_safe(file.path)
                size += sum(map(len, file.chunks()))
            for path in contents.folders:
                check_safe(path)
            figures.check(size <= _LIMITS.total_bytes, _TOO_MUCH, f"{size} bytes of {data[:300]!r}…")
            figures.count("archives that could be read")
    except SourceFailed:
        figures.count("archives that were refused")
    except Refusal as error:
        figures.fault(_ESCAPED, f"{error} of {data[:300]!r}…")
    except Exception as error:
        figures.fault(_UNFORESEEN, f"{error!r} of {data[:300]!r}… ({len(data)} bytes)")
    figures.check(not list(folder.iterdir()), _ESCAPED, f"{list(folder.iterdir())}")


def _hostile(random: Random) -> str:
    return random.choice(_NAMES)


def _sound(random: Random) -> str:
    return f"folder/{random.randrange(50)}.csv"


def _zip(random: Random, name: Callable[[Random], str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(random.randint(1, 4)):
            info = zipfile.ZipInfo("entry")
            info.filename = (name if number else _sound)(random).encode("utf-8", "replace").decode().replace("\0", "0")
            kind = random.choice((*[stat.S_IFREG] * 9, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR))
            info.external_attr = (kind | 0o4777) << 16
            with warnings.catch_warnings(action="ignore"):  # a name can be there twice
                archive.writestr(info, bytes(random.choice(_SIZES)))
    return buffer.getvalue()


def _tar(random: Random, name: Callable[[Random], str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=random.choice((tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    ) as archive:
        for number in range(random.randint(1, 4)):
            info = tarfile.TarInfo((name if number else _sound)(random).encode("utf-8", "replace").decode())
            info.type = random.choice(
                (*[tarfile.REGTYPE] * 9, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
            )
            info.linkname = random.choice(("/etc/passwd", "../../x", "folder/1.csv"))
            content = bytes(random.choice(_SIZES)) if info.isreg() else b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _damaged(random: Random, data: bytes) -> bytes:
    """The data with a flipped byte, a hole, a repetition, or an early end."""
    at = random.randrange(max(1, min(len(data), random.choice((600, len(data))))))
    how = random.randrange(4)
    if how == 0:
        return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
    if how == 1:
        return data[:at] + data[at + random.randrange(64) :]
    if how == 2:
        return data[:at] + data[max(0, at - 64) :]
    return data[: max(20, at)]


def _try_address(figures: Figures, random: Random, folder: Path, web: ArchiveServer, inside: ArchiveServer) -> None:
    """A name of a hidden address, alone or among public ones; or a redirect to this machine in any spelling."""
    figures.count("addresses")
    hidden = random.choice([address for addresses in HIDDEN.values() for address in addresses])
    resolved = random.sample(["8.8.8.8", hidden, "1.1.1.1"], 3) if random.random() < 0.5 else [hidden]
    if random.random() < 0.5:
        url, resolve = f"http://named.example:{inside.port}/inside.zip", lambda _host, _port: resolved
        allowed: tuple[str, ...] = ()
    else:
        to = f"http://{random.choice(_LOOPBACK)}:{inside.port}/inside.zip"
        url, allowed = (
            web.redirect("/data.zip", to, random.choice((301, 302, 303, 307, 308))),
            (f"127.0.0.1:{web.port}",),
        )
        resolve = lambda host, _port: ["127.0.0.1"]  # noqa: E731
    try:
        fetch(url, folder, allowed, resolve=resolve)
    except SourceFailed:
        figures.count("addresses that were refused")
    else:
        figures.fault(_ASKED, f"{url} was fetched")
    figures.check(not inside.seen, _ASKED, f"{inside.seen} for {url}")


ATTACK = Attack(
    "sources",
    "Hostile archives, and source addresses that lead inside",
    _TRIED,
    (_ESCAPED, _TOO_MUCH, _ASKED, _UNFORESEEN),
    run,
    bounded=400,
    long=20_000,
    parts=2,
)
