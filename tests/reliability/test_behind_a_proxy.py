"""Servers behind a real nginx that speaks TLS: what they hand out works from where the client stands."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect

from acceptance.server import Credentials, ServerProcess
from acceptance.surfaces.browsing import Chromium
from acceptance.tls_proxy import NAME, TlsProxy, free_port, shown_configuration, tls_proxy
from browser import missing as no_browser
from debian import needed
from nginx import find_nginx, missing
from reliability.faults import SMALL_PARTS, prepared
from reliability.machine import Machine, folder_of
from reliability.test_stock_client import Stock

LARGE = bytes(range(256)) * 4096 * 3  # 3 MiB: two parts of a client that sends small ones
TWO_REAL_PARTS = 51 * 1024 * 1024  # bytes
PROXY = "127.0.0.2"  # where the proxy speaks to the server from; clients are at 127.0.0.1
_PASSED_ON = re.compile(r" *proxy_set_header [^;]+;\n")

OpenProxy = Callable[..., TlsProxy]


@dataclass(frozen=True)
class Site:
    """A server and the proxy before it."""

    server: ServerProcess
    proxy: TlsProxy


@contextmanager
def _put(server: ServerProcess, folder: Path, configuration: str, settings: Mapping[str, str]) -> Iterator[TlsProxy]:
    """A proxy before a server whose operator sets these variables; URL in one of them is the proxy's address."""
    if find_nginx() is None:
        assert not needed(), missing()
        pytest.skip(missing())
    port = free_port()
    server.operate({name: value.replace("URL", f"https://127.0.0.1:{port}") for name, value in settings.items()})
    bound = (configuration or shown_configuration()).replace("proxy_pass", f"proxy_bind {PROXY};\nproxy_pass")
    with tls_proxy(folder / "proxy", server.url, port, bound) as proxy:
        yield proxy


@pytest.fixture
def behind(new_server: ServerProcess, tmp_path: Path) -> Iterator[OpenProxy]:
    """Puts a proxy before a server of the test's own."""
    with ExitStack() as stack:
        yield lambda configuration="", **settings: stack.enter_context(
            _put(new_server, tmp_path, configuration, settings)
        )


def _says_nothing() -> str:
    """The configuration of a proxy that passes on neither the Host nor where the client is."""
    return _PASSED_ON.sub("", shown_configuration())


_WAYS: dict[str, tuple[Callable[[], str], dict[str, str]]] = {
    "GRID_PUBLIC_URL": (shown_configuration, {"GRID_PUBLIC_URL": "URL"}),
    "a proxy that says nothing, and GRID_PUBLIC_URL": (_says_nothing, {"GRID_PUBLIC_URL": "URL"}),
    "a named proxy": (shown_configuration, {"GRID_FORWARDED_ALLOW_IPS": PROXY}),
}


@pytest.fixture(scope="module", params=_WAYS)
def site(request: pytest.FixtureRequest, grid: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Each way to operate a server behind a proxy; tests share it, each with a user of its own."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "server").mkdir()
    configuration, settings = _WAYS[request.param]
    server = ServerProcess(grid, folder / "server")
    with _put(server, folder, configuration(), settings) as proxy:
        yield Site(server, proxy)
        server.stop()


@pytest.fixture
def proxy(site: Site) -> TlsProxy:
    return site.proxy


@pytest.fixture
def eve(site: Site) -> Credentials:
    """A user of the shared server."""
    return site.server.add_user(f"eve-{uuid4().hex[:8]}")


@pytest.fixture
def ana(new_server: ServerProcess) -> Credentials:
    return new_server.add_user("ana")


def _client(proxy: TlsProxy, user: Credentials | None = None, base_url: str = "") -> httpx.Client:
    trusted = ssl.create_default_context(cafile=proxy.authority)
    return httpx.Client(base_url=base_url or proxy.url, auth=user, verify=trusted, timeout=60)


def _signed_in(proxy: TlsProxy, user: Credentials) -> dict[str, str]:
    """What the environment of a command says."""
    who = {"GRID_URL": proxy.url, "GRID_USER_ID": user.user_id, "GRID_API_KEY": user.api_key}
    return who | {"SSL_CERT_FILE": str(proxy.authority)}


def test_the_command_line_signs_in_uploads_and_downloads(
    proxy: TlsProxy, eve: Credentials, embedded: Machine, tmp_path: Path
) -> None:
    embedded.grid = prepared(tmp_path, SMALL_PARTS)
    embedded.extra["SSL_CERT_FILE"] = str(proxy.authority)
    files = {"large.bin": LARGE, "a.csv": b"1,2\n", "deep/b.csv": b""}
    folder = folder_of(embedded.home, files)
    embedded.run("login", "--url", proxy.url, "--username", eve.user_id, "--key", eve.api_key).done()

    assert embedded.create(folder) == 1
    embedded.run("datastore", "download", "--name", "data", "--version", "1", "--to", "back").done()

    back = embedded.home / "back"
    assert {f.relative_to(back).as_posix(): f.read_bytes() for f in back.rglob("*") if f.is_file()} == files


@pytest.mark.proves("whole-parts-through-nginx")
def test_a_whole_part_of_a_client_goes_through(behind: OpenProxy, ana: Credentials, embedded: Machine) -> None:
    proxy = behind(GRID_PUBLIC_URL="URL")
    embedded.extra |= _signed_in(proxy, ana)
    with folder_of(embedded.home, {}).joinpath("large.bin").open("wb") as file:
        file.truncate(TWO_REAL_PARTS)
    assert embedded.create("source") == 1


@pytest.mark.proves("addresses-behind-a-proxy")
def test_addresses_of_parts_and_files_are_those_of_the_proxy(proxy: TlsProxy, eve: Credentials) -> None:
    with _client(proxy, eve) as http, _client(proxy) as stranger:
        stock = Stock(http, *eve, stranger)
        version_id = stock.create("data", {"a.csv": b"1,2\n", "empty.csv": b""})
        (first, _) = http.get(f"/v1/core/datastores/{version_id}/files").json()["files"]
        assert first["url"].startswith(f"{proxy.url}/v1/downloads/")
        assert stranger.get(first["url"]).content == b"1,2\n"
        assert all(address.startswith(f"{proxy.url}/v1/uploads/") for address in stock.sent)


@pytest.fixture
def browser(shared_chromium: Chromium | None) -> Browser:
    if shared_chromium is None:
        pytest.skip(no_browser())
    return shared_chromium.browser


def test_a_browser_signs_in_and_uploads(proxy: TlsProxy, eve: Credentials, browser: Browser, tmp_path: Path) -> None:
    large = folder_of(tmp_path, {"large.bin": LARGE[: 2 * 1024 * 1024]}) / "large.bin"
    context = browser.new_context(base_url=proxy.url, ignore_https_errors=True)
    page = context.new_page()
    page.goto("/upload")
    page.get_by_label("User name").fill(eve.user_id)
    page.get_by_label("Key").fill(eve.api_key)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{proxy.url}/upload")
    (cookie,) = context.cookies()
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")

    page.get_by_label("Or files").set_input_files(large)
    page.get_by_role("button", name="Upload").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Version 1 of large")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert context.cookies() == []
    context.close()


def test_a_form_after_the_session_has_ended_leads_back_to_its_page(proxy: TlsProxy) -> None:
    sent = {"referer": f"{proxy.url}/workloads/start?name=a", "origin": proxy.url}
    with _client(proxy) as late:
        answer = late.post("/workloads/start", headers=sent)
    assert answer.headers["location"] == "/sign-in?then=%2Fworkloads%2Fstart%3Fname%3Da&ended=yes"


def test_a_form_of_another_site_changes_nothing(proxy: TlsProxy, eve: Credentials) -> None:
    with _client(proxy) as http:
        for other in ("https://evil.example", f"{proxy.url}.evil.example", proxy.url.rpartition(":")[0], "null"):
            fields = {"name": eve.user_id, "key": eve.api_key}
            assert http.post("/sign-in", data=fields, headers={"origin": other}).status_code == 403, other


@pytest.mark.proves("link-at-the-public-address")
def test_the_link_that_is_printed_can_be_opened(behind: OpenProxy, new_server: ServerProcess) -> None:
    proxy = behind(GRID_PUBLIC_URL="URL")
    link = new_server.restart_and_read_link()
    assert link.startswith(f"{proxy.url}/sign-in/")
    with _client(proxy) as http:
        assert "Sign in as" in http.get(link).text
        assert "; Secure" in http.post(link, headers={"origin": proxy.url}).headers["set-cookie"]


@pytest.mark.proves("public-name-is-answered")
def test_the_server_answers_to_its_public_name(new_server: ServerProcess) -> None:
    new_server.operate({"GRID_PUBLIC_URL": f"https://{NAME}"})
    for host, status in ((NAME, 200), (f"{NAME}:8443", 200), ("127.0.0.1", 200), ("evil.example", 421)):
        assert httpx.get(f"{new_server.url}/sign-in", headers={"host": host}).status_code == status, host


@pytest.mark.proves("named-proxy-tells-clients-apart")
def test_a_named_proxy_tells_where_clients_are(behind: OpenProxy, ana: Credentials) -> None:
    """One who guesses keys does not make others wait, and cannot say that they are somebody else."""
    proxy = behind(GRID_FORWARDED_ALLOW_IPS=f"10.0.0.0/8,{PROXY}")
    with _client(proxy, Credentials(ana.user_id, "guess")) as http:
        forged = [{"x-forwarded-for": f"9.9.9.{n}", "forwarded": f"for=9.9.9.{n}"} for n in range(12)]
        asked = [http.get("/v1/auth/user", headers=headers).status_code for headers in forged]
    assert asked == [401] * 10 + [429] * 2
    elsewhere = httpx.HTTPTransport(
        verify=ssl.create_default_context(cafile=proxy.authority), local_address="127.0.0.3"
    )
    with httpx.Client(base_url=proxy.url, auth=(ana.user_id, "guess"), transport=elsewhere) as http:
        assert http.get("/v1/auth/user").status_code == 401


@pytest.mark.proves("whole-parts-through-nginx")
def test_a_proxy_that_takes_less_than_a_part_is_told(behind: OpenProxy, ana: Credentials, embedded: Machine) -> None:
    proxy = behind(shown_configuration().replace("client_max_body_size 0;", ""), GRID_PUBLIC_URL="URL")
    embedded.extra |= _signed_in(proxy, ana)
    folder = folder_of(embedded.home, {"large.bin": LARGE[: 2 * 1024 * 1024]})
    said = embedded.run("datastore", "create", str(folder), "--name", "data")
    said.refused("answered 413", "A proxy in front of it limits the size of requests. Its operator must allow 50 MiB.")
    assert embedded.listing() == []


@pytest.mark.proves("addresses-as-the-client-reaches-the-server", "other-headers-ignored")
@pytest.mark.parametrize("named", ["", PROXY, "10.0.0.0/8"])
def test_nobody_else_is_believed(new_server: ServerProcess, ana: Credentials, named: str) -> None:
    new_server.operate({"GRID_FORWARDED_ALLOW_IPS": named, "FORWARDED_ALLOW_IPS": "*"})
    forged = {"x-forwarded-proto": "https", "x-forwarded-for": "9.9.9.9", "x-forwarded-host": "evil.example"}
    with httpx.Client(base_url=new_server.url, headers=forged) as http:
        own = {"origin": new_server.url}
        answer = http.post("/sign-in", data={"name": ana.user_id, "key": ana.api_key}, headers=own)
        assert "Secure" not in answer.headers["set-cookie"]
        http.auth = httpx.BasicAuth(*ana)
        spec = {"name": "data", "spec": {"sourceType": "DATASTORE_SOURCE_TYPE_EXPANDED_FILES"}}
        created = http.post("/v1/core/local/datastores", json=spec).json()
        objects = {"objects": [{"key": "a.csv", "partCount": "1"}]}
        path = f"/v1/core/local/datastores/{created['id']}/presigned-urls"
        (announced,) = http.post(path, json=objects).json()["objects"]
        assert announced["urls"][0]["url"].startswith(f"{new_server.url}/v1/uploads/")
        http.auth = httpx.BasicAuth(ana.user_id, "guess")
        guessed = [http.get("/v1/auth/user", headers={"x-forwarded-for": f"9.9.9.{n}"}) for n in range(12)]
    assert [answer.status_code for answer in guessed] == [401] * 10 + [429] * 2


@pytest.mark.proves("nonsense-stops-the-start")
@pytest.mark.parametrize(
    ("variable", "value"), [("GRID_PUBLIC_URL", "grid.example"), ("GRID_FORWARDED_ALLOW_IPS", "localhost")]
)
def test_what_makes_no_sense_is_refused_before_anything_is_made(embedded: Machine, variable: str, value: str) -> None:
    embedded.run("serve", "--port=0", env={variable: value}).refused(variable, "for example", code=2)
    assert not embedded.directory.exists()
