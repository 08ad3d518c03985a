"""A real nginx that speaks TLS, before a server: with the configuration that the reference shows to operators."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from acceptance.waiting import wait_until
from nginx import find_nginx

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
NAME = "grid.example"
_OWN = """
{user}
daemon off;
pid nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{server}
}}
"""


@dataclass(frozen=True)
class TlsProxy:
    """Where clients reach it, and the file of the authority that vouches for it: as 127.0.0.1, and as `NAME`."""

    url: str
    authority: Path


def shown_configuration() -> str:
    """The block of nginx's configuration in the reference."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found, f"{PAGE} shows no configuration of nginx."
    return found[1]


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def tls_proxy(folder: Path, behind: str, port: int, configuration: str = "") -> Iterator[TlsProxy]:
    """The proxy at this port, before the server at the address `behind`; its files are in the folder."""
    folder.mkdir()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    authority.issue_cert("127.0.0.1", NAME).private_key_and_cert_chain_pem.write_to_path(str(folder / "own.pem"))
    _configure(folder, configuration or shown_configuration(), behind, port)
    nginx = find_nginx()
    assert nginx
    command = [nginx, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: process.poll() is not None or _answers(port), "nginx answers")
            assert process.poll() is None, (folder / "error.log").read_text()
            yield TlsProxy(f"https://127.0.0.1:{port}", folder / "authority.pem")
        finally:
            process.terminate()
            process.wait(timeout=30)


def _configure(folder: Path, shown: str, behind: str, port: int) -> None:
    """What an operator would fill in: ports, certificates, and where the server is."""
    filled = {
        r"listen \S+ ssl;": f"listen 127.0.0.1:{port} ssl;",
        r"ssl_certificate \S+;": "ssl_certificate own.pem;",
        r"ssl_certificate_key \S+;": "ssl_certificate_key own.pem;",
        r"proxy_pass \S+;": f"proxy_pass {behind};",
    }
    for pattern, own in filled.items():
        shown, count = re.subn(pattern, own, shown)
        assert count == 1, f"{pattern} is {count} times in the configuration that the reference shows"
    user = "user root;" if os.geteuid() == 0 else ""  # who alone can enter the folders of a test
    (folder / "nginx.conf").write_text(_OWN.format(user=user, server=shown))


def _answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
