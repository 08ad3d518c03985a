"""Where clients reach the server: what the operator says of it, and what the server makes of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from grid_datastores.domain.errors import InvalidInput
from grid_datastores.server.app import create_app
from grid_datastores.server.origin import is_own, is_secure, origin
from grid_datastores.server.serve import trusted_addresses
from grid_datastores.service import Service
from grid_datastores.settings import read_settings


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRID_DIR", str(tmp_path))


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("", ""),
        ("https://grid.example", "https://grid.example"),
        ("https://grid.example/", "https://grid.example"),
        ("HTTPS://Grid.Example:8443", "https://grid.example:8443"),
        ("https://grid.example:443", "https://grid.example"),
        ("http://grid.example:80", "http://grid.example"),
        ("http://grid.example:443", "http://grid.example:443"),
        ("http://10.0.0.5:8000", "http://10.0.0.5:8000"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_the_public_address_is_written_as_browsers_write_it(
    monkeypatch: pytest.MonkeyPatch, given: str, known: str
) -> None:
    monkeypatch.setenv("GRID_PUBLIC_URL", given)
    assert read_settings().public_url == known


@pytest.mark.parametrize(
    "given",
    [
        "grid.example",
        "ftp://grid.example",
        "https://",
        "https://grid.example/grid",
        "https://grid.example?x=1",
        "https://grid.example#x",
        "https://ana:secret@grid.example",
        "https://grid.example:0",
        "https://grid.example:65536",
        "https://grid.example:eight",
        "https://grid example",
        "https://[::1",
        "https://[1:2]",
        "https://grid.example\n",
        "https://пингвин.example",
    ],
)
def test_what_cannot_be_a_public_address_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("GRID_PUBLIC_URL", given)
    with pytest.raises(InvalidInput, match="GRID_PUBLIC_URL is not an address of a server: give scheme") as refused:
        read_settings()
    assert "secret" not in refused.value.message


@pytest.mark.proves("proxies-are-addresses-and-networks")
def test_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().trusted_proxies == ()
    monkeypatch.setenv("GRID_FORWARDED_ALLOW_IPS", "127.0.0.1, 10.0.0.0/8,::1")
    assert read_settings().trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "::1")
    monkeypatch.setenv("GRID_FORWARDED_ALLOW_IPS", " * ")
    assert read_settings().trusted_proxies == ("*",)


@pytest.mark.proves("proxies-are-addresses-and-networks")
@pytest.mark.parametrize("given", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "*,10.0.0.1", "10.0.0", "10.0.0.1:80"])
def test_what_cannot_be_a_proxy_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("GRID_FORWARDED_ALLOW_IPS", given)
    with pytest.raises(InvalidInput, match=r"GRID_FORWARDED_ALLOW_IPS has '.*', which is not an IP address or network"):
        read_settings()


@pytest.mark.proves("other-headers-ignored", "star-trusts-everyone")
@pytest.mark.parametrize(
    ("named", "client", "believed"),
    [
        ("10.0.0.5", "10.0.0.5", True),
        ("10.0.0.5", "::ffff:10.0.0.5", True),  # where the server listens at ::
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("10.0.0.5", "10.0.0.6", False),
        ("10.0.0.5", "::ffff:10.0.0.6", False),
        ("10.0.0.5", "", False),
        ("*", "203.0.113.1", True),
    ],
)
def test_only_named_proxies_are_believed(named: str, client: str, believed: bool) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["scheme"])

    headers = [(b"x-forwarded-proto", b"https")]
    scope: Any = {"type": "http", "scheme": "http", "client": (client, 1), "headers": headers}
    middleware = ProxyHeadersMiddleware(app, trusted_addresses((named,)))
    asyncio.run(middleware(scope, None, None))  # type: ignore[arg-type]
    assert seen == ["https" if believed else "http"]


def _request(service: Service, public_url: str, host: str = "127.0.0.1:8000", scheme: str = "http") -> Request:
    app = create_app(service, public_url=public_url)
    headers = [(b"host", host.encode())]
    return Request({"type": "http", "app": app, "scheme": scheme, "headers": headers, "path": "/", "root_path": ""})


@pytest.mark.proves("addresses-behind-a-proxy")
def test_the_public_address_goes_before_what_a_request_says(service: Service) -> None:
    request = _request(service, "https://grid.example:8443")
    assert origin(request) == "https://grid.example:8443"
    assert is_secure(request)
    assert is_own(request, "https://grid.example:8443")
    assert is_own(request, "https://grid.example:8443/upload?name=a")
    assert is_own(request, "http://127.0.0.1:8000/")  # the operator, on the server's machine
    for other in ("http://grid.example:8443", "https://grid.example", "https://grid.example:8443.evil.example", "null"):
        assert not is_own(request, other), other


@pytest.mark.proves("addresses-as-the-client-reaches-the-server")
def test_without_one_a_request_says_where_the_server_is(service: Service) -> None:
    assert origin(_request(service, "")) == "http://127.0.0.1:8000"
    assert not is_secure(_request(service, ""))
    proxied = _request(service, "", "grid.example", "https")
    assert origin(proxied) == "https://grid.example"
    assert is_secure(proxied)
    assert is_own(proxied, "https://grid.example/")
    for other in ("https://evil.example", "null", "", "https://grid.example:8443"):
        assert not is_own(proxied, other), other
