"""Setting up: uv comes from the lock, and finds packages where pip does on this machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import install

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")


def test_uv_is_taken_from_the_lock_with_its_hashes_alone() -> None:
    alone = install.block(LOCK, "uv")
    assert re.match(r"uv==\d", alone)
    assert "--hash=sha256:" in alone
    assert alone.count("==") == 1


def test_a_package_that_only_starts_with_the_name_is_another() -> None:
    with pytest.raises(LookupError, match="uv is not in the lock"):
        install.block("uvicorn==0.54.0 \\\n    --hash=sha256:00\n", "uv")


def test_the_lock_names_no_address() -> None:
    assert [line for line in LOCK.splitlines() if "://" in line] == []


def test_without_pip_settings_uv_asks_where_it_does_by_itself() -> None:
    options, environment = install.for_uv({}, {})
    assert options == []
    assert environment == {"UV_INDEX_STRATEGY": "unsafe-best-match", "UV_PYTHON_DOWNLOADS": "never"}


def test_pip_s_indexes_certificates_and_proxy_are_uv_s_too() -> None:
    listing = "\n".join(
        [
            "global.index-url='https://mirror.invalid/simple'",
            "global.extra-index-url='file:///one/simple\\nfile:///two/simple'",
            "global.find-links='/wheels /more'",
            "global.trusted-host='mirror.invalid'",
            "global.cert='/certs/ca.pem'",
            "global.proxy='http://proxy.invalid:3128'",
            "global.constraint='/elsewhere.txt'",
        ]
    )
    options, environment = install.for_uv(install.settings(listing), {})
    assert options == []
    assert environment.items() >= {
        ("UV_DEFAULT_INDEX", "https://mirror.invalid/simple"),
        ("UV_INDEX", "file:///one/simple file:///two/simple"),
        ("UV_FIND_LINKS", "/wheels,/more"),
        ("UV_INSECURE_HOST", "mirror.invalid"),
        ("SSL_CERT_FILE", "/certs/ca.pem"),
        ("HTTPS_PROXY", "http://proxy.invalid:3128"),
    }


def test_the_environment_wins_over_the_command_s_section_and_that_over_the_global_one() -> None:
    """As in pip."""
    listing = "global.index-url='a'\n:env:.index-url='c'\ninstall.index-url='b'\ninstall.cert='5'\nglobal.cert='9'"
    assert install.settings(listing) == {"index-url": "c", "cert": "5"}


def test_a_machine_that_uses_no_index_asks_none() -> None:
    options, environment = install.for_uv({"no-index": "true", "find-links": "/wheels"}, {})
    assert options == ["--no-index"]
    assert environment["UV_FIND_LINKS"] == "/wheels"


def test_your_own_variables_for_uv_win() -> None:
    _, environment = install.for_uv({"index-url": "https://pip.invalid"}, {"UV_DEFAULT_INDEX": "https://uv.invalid"})
    assert environment["UV_DEFAULT_INDEX"] == "https://uv.invalid"


@pytest.mark.proves(
    "python-is-new-enough",
    reads=[
        "README.md",
        "docs/get-started.md",
        "docs/your-server.md",
        "docs/reference/configuration.md",
        "Makefile",
        "pyproject.toml",
    ],
)
def test_the_oldest_python_is_the_same_wherever_it_is_named() -> None:
    required = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    oldest = required.removeprefix(">=")
    for page in ("README.md", "docs/get-started.md", "docs/your-server.md", "docs/reference/configuration.md"):
        assert f"Python {oldest} or newer" in " ".join((ROOT / page).read_text("utf-8").split())
    assert f"sys.version_info >= ({oldest.replace('.', ', ')})" in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.proves("tests-run-on-linux", reads=[".github/workflows/ci.yml"])
def test_the_gate_runs_on_linux_alone() -> None:
    runners = re.findall(r"runs-on: (.*)", (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    assert runners
    assert all(runner.startswith("ubuntu-") for runner in runners)
