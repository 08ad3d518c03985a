"""The browser of the tests: which one is taken, where none is, and that BROWSER=no asks for none."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import browser
import debian

SHELL = "chrome-headless-shell-linux64/chrome-headless-shell"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a browser or a package manager, not in CI; the folder of Playwright's downloads."""
    for name in ("CI", "BROWSER", "PWDEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "downloads"))
    return tmp_path / "downloads"


def program(path: Path, exit_code: int = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {exit_code}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


def download(folder: Path, version: int, exit_code: int = 0) -> str:
    (folder / f"chromium_headless_shell-{version}").mkdir(parents=True)
    (folder / f"chromium_headless_shell-{version}" / "INSTALLATION_COMPLETE").touch()
    return program(folder / f"chromium_headless_shell-{version}" / SHELL, exit_code)


@pytest.mark.proves("own-browser-is-used")
@pytest.mark.parametrize("name", ["chromium", "google-chrome"])
def test_the_machine_s_own_comes_before_a_download(bare: Path, tmp_path: Path, name: str) -> None:
    download(bare, 1200)
    own = program(tmp_path / "bin" / name)
    assert browser.find_browser() == own


def test_of_downloads_the_newest_that_starts_is_taken(bare: Path) -> None:
    download(bare, 1200)
    newest_that_starts = download(bare, 1210)
    download(bare, 1220, exit_code=127)
    assert browser.find_browser() == newest_that_starts


def test_an_interrupted_download_is_none(bare: Path) -> None:
    program(bare / "chromium_headless_shell-1200" / SHELL)
    assert browser.find_browser() is None


@pytest.mark.proves("missing-browser-is-downloaded")
def test_browser_no_takes_none_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "bin" / "chromium")
    monkeypatch.setenv("BROWSER", "no")
    assert browser.find_browser() is None
    assert browser.main() == 0
    assert capsys.readouterr().out.startswith("BROWSER=no asked for no browser.")


def test_another_value_names_what_opens_links_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = program(tmp_path / "bin" / "chromium")
    monkeypatch.setenv("BROWSER", "firefox")
    assert browser.find_browser() == own


@pytest.mark.proves("watch-the-browser")
def test_to_watch_it_a_browser_with_windows_is_taken(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin" / "chromium-headless-shell")
    download(bare, 1200)
    monkeypatch.setenv("PWDEBUG", "1")
    assert browser.find_browser() is None
    own = program(tmp_path / "bin" / "chromium")
    assert browser.find_browser() == own


def test_in_ci_a_browser_is_needed_unless_none_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not browser.needed()
    monkeypatch.setenv("CI", "true")
    assert browser.needed()
    monkeypatch.setenv("BROWSER", "no")
    assert not browser.needed()


def test_what_is_missing_is_downloaded(capsys: pytest.CaptureFixture[str]) -> None:
    there: list[str] = []
    found = debian.set_up(lambda: there[0] if there else None, (), "It", "None.", lambda: there.append("/downloaded"))
    assert (found, capsys.readouterr().out) == (0, "It in /downloaded\n")


def test_what_is_there_is_not_downloaded() -> None:
    assert debian.set_up(lambda: "/there", (), "It", "None.", lambda: pytest.fail("downloaded")) == 0


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_what_cannot_be_had_is_a_failure_in_ci_alone(
    ci: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", ci)
    assert debian.set_up(lambda: None, (), "It", "There is none.") == code
    assert capsys.readouterr().err == "There is none.\n"


@pytest.mark.proves("missing-browser-is-downloaded")
def test_playwright_downloads_one(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with _serving(_archive()) as url:
        monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", url)
        assert browser.main() == 0
    found = browser.find_browser()
    assert found
    assert Path(found).is_relative_to(bare)
    assert capsys.readouterr().out.splitlines() == [
        "Downloading Chromium with Playwright",
        f"The web UI is tested in {found}",
    ]


def _archive() -> bytes:
    """A zip such as Playwright's, with programs that do nothing: for this machine, whatever it is."""
    machines = ("linux64", "linux-arm64", "mac-x64", "mac-arm64")
    shells = [f"chrome-headless-shell-{machine}/chrome-headless-shell" for machine in machines]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in (*shells, "ffmpeg-linux", "ffmpeg-mac"):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o100755 << 16
            archive.writestr(entry, "#!/bin/sh\n")
    return content.getvalue()


@contextmanager
def _serving(content: bytes) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
