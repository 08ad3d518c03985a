"""Where data comes from, for real: a web server and a server that speaks S3, each on this machine."""

from __future__ import annotations

import functools
import io
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from acceptance.server import trusted
from acceptance.waiting import wait_until

# The server checks no signature, but wants one where something changes.
_SIGNED = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
BUCKET = "penguins"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Serves the folder; answers its host and port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class BucketServer:
    """A process that speaks S3, with one bucket; it starts when something is put there for the first time."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "s3.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = socket.socket()  # until it starts, nobody else is given its port
        self._port.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._port.getsockname()[1]}"
        self._http = httpx.Client(base_url=self.url, headers={"Authorization": _SIGNED}, verify=trusted())

    @property
    def environment(self) -> dict[str, str]:
        """What its operator sets for a program that is to use it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "GRID_ALLOW_SOURCE_BUCKETS": "*",
        }

    def fill(self, files: dict[str, bytes]) -> None:
        """Have these objects, by key, in the bucket, and no others."""
        if self._process is None:
            self._start()
        self._http.post("/moto-api/reset").raise_for_status()
        self._ask("PUT", "")
        for key, content in files.items():
            self._ask("PUT", f"/{key}", content)

    def get(self, key: str) -> bytes:
        """An object's content."""
        return self._http.get(f"/{BUCKET}/{key}").raise_for_status().content

    def remove(self, key: str) -> None:
        """One object less."""
        self._ask("DELETE", f"/{key}")

    def stop(self) -> None:
        """End the process, if there is one."""
        self._port.close()
        self._http.close()
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=30)

    def _start(self) -> None:
        self._port.close()
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", self.url.rpartition(":")[2]]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_until(self._answers, "the S3 server answers")
        except BaseException:
            self._process.kill()
            self._process.wait()
            self._process = None
            raise

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self._log.read_text()
        try:
            return self._http.get("/moto-api/").is_success
        except httpx.TransportError:
            return False

    def _ask(self, method: str, path: str, content: bytes = b"") -> None:
        headers = {"Content-Type": "application/octet-stream"}
        self._http.request(method, f"/{BUCKET}{path}", content=content, headers=headers).raise_for_status()


@dataclass(frozen=True)
class Origins:
    """Where the operator of the run's own server lets data come from: the folder of a web server, and a bucket."""

    folder: Path
    host: str
    bucket: BucketServer

    @property
    def environment(self) -> dict[str, str]:
        """What the operator sets for that."""
        return {"GRID_ALLOW_SOURCE_HOSTS": self.host, **self.bucket.environment}


@contextmanager
def open_origins(folder: Path) -> Iterator[Origins]:
    """Both, with their files in this folder."""
    web = folder / "web"
    web.mkdir()
    bucket = BucketServer(folder)
    try:
        with web_server(web) as host:
            yield Origins(web, host, bucket)
    finally:
        bucket.stop()


def zip_of(files: dict[str, bytes]) -> bytes:
    """A .zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return buffer.getvalue()


def tar_of(files: dict[str, bytes], link: str = "", hard_link: tuple[str, str] | None = None) -> bytes:
    """A .tar.gz of these files, a symbolic link if one is named, and a hard link, which is a name and its target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo(link)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
        if hard_link:
            info = tarfile.TarInfo(hard_link[0])
            info.type, info.linkname = tarfile.LNKTYPE, hard_link[1]
            archive.addfile(info)
    return buffer.getvalue()
