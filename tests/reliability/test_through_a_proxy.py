"""Machines that reach a server only through a proxy: its variables count for every request, as with curl and pip."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from acceptance.tls_proxy import free_port
from forked import Forked
from grid_datastores.gateway.transport import _proxy_for
from reliability.forward_proxy import ForwardProxy, forward_proxy
from reliability.machine import Machine, folder_of
from reliability.nonsense import Nonsense, serving
from reliability.sources.s3 import S3

ROOT = Path(__file__).parents[2]
NOT_HTTP = "is not the address of an HTTP proxy. Set it, for example to http://proxy.example:3128, or unset it."


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with forward_proxy() as started:
        yield started


@pytest.fixture
def certified(tmp_path: Path) -> ssl.SSLContext:
    """What speaks TLS as 127.0.0.1."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def secure(certified: ssl.SSLContext) -> Iterator[Nonsense]:
    """A server over TLS."""
    with serving(certified) as server:
        server.body = b'{"datastores": []}'
        yield server


@pytest.fixture
def signed_in(embedded: Machine, secure: Nonsense, tmp_path: Path) -> Machine:
    """At the server over TLS."""
    who = {"GRID_URL": secure.url, "GRID_USER_ID": "ana", "GRID_API_KEY": "secret-key"}
    embedded.extra |= who | {"SSL_CERT_FILE": str(tmp_path / "authority.pem")}
    return embedded


def _host(url: str) -> str:
    return url.partition("://")[2]


@pytest.mark.proves("commands-use-the-proxy")
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_every_request_goes_through_the_proxy(connected: Machine, proxy: ForwardProxy, variable: str) -> None:
    """Operations, the parts of an upload, and a download alike."""
    assert connected.server
    assert connected.user
    connected.extra[variable] = proxy.url
    files = {"a.csv": b"1,2\n", "large.bin": bytes(2 * 1024 * 1024)}
    folder = folder_of(connected.home, files)
    words = ["--url", connected.server.url, "--username", connected.user.user_id, "--key", connected.user.api_key]
    connected.run("login", *words).done()
    assert connected.create(folder) == 1
    connected.run("datastore", "download", "--name", "data", "--version", "1", "--to", "back").done()

    back = connected.home / "back"
    assert {f.relative_to(back).as_posix(): f.read_bytes() for f in back.rglob("*") if f.is_file()} == files
    asked = "\n".join(proxy.asked)
    for request in ("POST {}/v1/auth/login", "PUT {}/v1/uploads/", "GET {}/v1/core/local/datastores/"):
        assert request.format(connected.server.url) in asked, asked


@pytest.mark.proves("commands-use-the-proxy")
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_tls_goes_through_a_tunnel(signed_in: Machine, secure: Nonsense, proxy: ForwardProxy, variable: str) -> None:
    signed_in.run("datastore", env={variable: proxy.url}).done()
    assert proxy.asked == [f"CONNECT {_host(secure.url)}"]
    assert len(secure.asked) == 1


@pytest.mark.proves("proxy-with-a-user")
def test_a_proxy_needs_no_scheme_and_can_have_a_user(signed_in: Machine, secure: Nonsense, proxy: ForwardProxy) -> None:
    signed_in.run("datastore", env={"HTTPS_PROXY": f"ana:p%40ss@{_host(proxy.url)}"}).done()
    assert proxy.credentials == ["Basic YW5hOnBAc3M="]  # ana:p@ss
    assert "p@ss" not in str(secure.asked)


def test_a_proxy_may_speak_tls_itself(signed_in: Machine, secure: Nonsense, certified: ssl.SSLContext) -> None:
    with forward_proxy(certified) as proxy:
        signed_in.run("datastore", env={"HTTPS_PROXY": proxy.url}).done()
        assert proxy.asked == [f"CONNECT {_host(secure.url)}"]
        said = signed_in.run("datastore", env={"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": ""})
        said.refused(f"{secure.url} cannot be reached through the proxy {proxy.url} (from HTTPS_PROXY)")
    assert len(secure.asked) == 1


@pytest.mark.proves("proxy-by-scheme")
def test_a_proxy_of_the_other_scheme_is_not_asked(signed_in: Machine, proxy: ForwardProxy) -> None:
    signed_in.run("datastore", env={"HTTP_PROXY": proxy.url}).done()
    assert proxy.asked == []


@pytest.mark.proves("exceptions-asked-directly")
@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "example.com, 127.0.0.0/8", "127.0.0.1:PORT"])
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_exceptions_are_asked_directly(
    signed_in: Machine, secure: Nonsense, proxy: ForwardProxy, no_proxy: str, variable: str
) -> None:
    exception = no_proxy.replace("PORT", secure.url.rpartition(":")[2])
    signed_in.run("datastore", env={"HTTPS_PROXY": proxy.url, variable: exception}).done()
    assert (proxy.asked, len(secure.asked)) == ([], 1)


@pytest.mark.proves("exceptions-asked-directly")
@pytest.mark.parametrize("no_proxy", ["localhost", "example.com,10.0.0.0/8", "27.0.0.1", "127.0.0.1:1"])
def test_what_is_no_exception_goes_through_the_proxy(signed_in: Machine, proxy: ForwardProxy, no_proxy: str) -> None:
    signed_in.run("datastore", env={"HTTPS_PROXY": proxy.url, "NO_PROXY": no_proxy}).done()
    assert len(proxy.asked) == 1


@pytest.mark.proves("socks-refused", "passwords-of-proxies-not-shown")
@pytest.mark.parametrize(
    "value", ["socks5://127.0.0.1:1080", "http://", "ftp://127.0.0.1", "http://a:b:c", "http://[::"]
)
def test_what_is_no_proxy_is_told(signed_in: Machine, secure: Nonsense, value: str) -> None:
    said = signed_in.run("datastore", env={"HTTPS_PROXY": f"{value.replace('//', '//ana:secret@')}"})
    said.refused(f"HTTPS_PROXY {NOT_HTTP}", code=2)
    assert "secret" not in said.err
    said = signed_in.run("datastore", env={"all_proxy": value})
    said.refused(f"all_proxy {NOT_HTTP}", code=2)
    assert secure.asked == []
    signed_in.run("datastore", env={"HTTPS_PROXY": value, "NO_PROXY": "127.0.0.1"}).done()


@pytest.mark.proves("passwords-of-proxies-not-shown")
def test_a_proxy_that_does_not_answer_is_told(signed_in: Machine, secure: Nonsense) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    said = signed_in.run("datastore", env={"HTTPS_PROXY": f"http://ana:secret@{nobody}"})
    said.refused(
        f"{secure.url} cannot be reached through the proxy http://{nobody} (from HTTPS_PROXY). Nothing was done."
    )
    assert "secret" not in said.err


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_told(signed_in: Machine, secure: Nonsense, proxy: ForwardProxy, status: int) -> None:
    proxy.refusal = status
    for words in (["datastore"], ["session", "delete", "tuning"]):
        said = signed_in.run(*words, env={"HTTPS_PROXY": proxy.url})
        said.refused(f"{secure.url} cannot be reached through the proxy {proxy.url} (from HTTPS_PROXY): {status}")
    assert secure.asked == []


@pytest.mark.parametrize("surface", ["api", "cli"])
def test_the_acceptance_run_needs_none(forked_pytest: Forked, tmp_path: Path, surface: str) -> None:
    """A proxy of the environment is for other hosts than this machine."""
    nowhere = {name: f"http://127.0.0.1:{free_port()}" for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    words = [
        "tests/acceptance",
        "-k=without_a_version",
        "--one-surface",
        "--numprocesses=0",
        f"--evidence={tmp_path / 'evidence'}",
    ]
    kept = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    code = "import pytest, sys; sys.exit(pytest.main())"
    done = forked_pytest.run(code, *words, f"--surface={surface}", folder=ROOT, environment=kept | nowhere)
    assert done.returncode == 0, done.stdout


def test_a_certificate_that_is_not_trusted_is_told_through_a_proxy_too(
    signed_in: Machine, secure: Nonsense, proxy: ForwardProxy
) -> None:
    del signed_in.extra["SSL_CERT_FILE"]
    said = signed_in.run("datastore", env={"HTTPS_PROXY": proxy.url})
    said.refused(f"The certificate of {secure.url} is not trusted. Nothing was done.")
    assert secure.asked == []


@pytest.mark.proves("lower-case-takes-precedence", "all-proxy-is-for-what-has-no-own")
@pytest.mark.parametrize(
    ("variables", "counts"),
    [
        (("HTTPS_PROXY", "https_proxy"), "https_proxy"),
        (("ALL_PROXY", "all_proxy"), "all_proxy"),
        (("HTTPS_PROXY", "ALL_PROXY"), "HTTPS_PROXY"),
        (("https_proxy", "all_proxy"), "https_proxy"),
        (("HTTP_PROXY", "ALL_PROXY"), "ALL_PROXY"),
    ],
)
def test_of_two_variables_one_counts(
    signed_in: Machine, proxy: ForwardProxy, variables: tuple[str, str], counts: str
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    signed_in.run("datastore", env={name: proxy.url if name == counts else nowhere for name in variables}).done()
    assert len(proxy.asked) == 1


@pytest.mark.proves("no-proxy-has-hosts-and-domains")
@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("grid.example", "grid.example", True),
        ("grid.example", "data.grid.example", True),
        ("a.example,grid.example", "data.grid.example", True),
        ("grid.example:8000", "grid.example", True),
        ("grid.example:8001", "grid.example", False),
        ("grid.example", "mygrid.example", False),
        ("data.grid.example", "grid.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("*", "grid.example", True),
    ],
)
def test_exceptions_are_hosts_with_their_subdomains(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, host: str, direct: bool
) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (_proxy_for(httpx.URL(f"http://{host}:8000/v1")) is None) is direct


@pytest.mark.proves("buckets-through-the-proxy")
def test_a_bucket_is_read_through_the_proxy(embedded: Machine, s3: S3, proxy: ForwardProxy) -> None:
    s3.make_bucket("birds", {"2026/a": b"1", "2026/b": b"2"})
    embedded.extra = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    endpoint = embedded.extra["AWS_ENDPOINT_URL"]
    for number, how in ((1, ()), (2, ("--no-copy",))):
        proxy.asked.clear()
        env = {"HTTP_PROXY": proxy.url}
        embedded.run("datastore", "create", "s3://birds/2026", "--name=set", *how, env=env).done()
        assert any(asked.startswith(f"GET {endpoint}/birds") for asked in proxy.asked)
        asked_before = len(proxy.asked)
        to = ("--to", f"out-{number}")
        embedded.run("datastore", "download", "--name=set", f"--version={number}", *to, env=env).done()
        assert (len(proxy.asked) > asked_before) is bool(how)
    proxy.asked.clear()
    embedded.run("datastore", "create", "s3://birds/2026", "--name=set").done()
    assert proxy.asked == []
