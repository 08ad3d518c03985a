"""The README: its tree is there, and its commands do what it says of them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

import browser
import debian
import faketime
import install
import nginx
from living_spec.config import find_config

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@cache
def _made(target: str) -> str:
    """The commands that `make` would run for this target on a machine without anything, in their order."""
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def _in_order(text: str, *words: str) -> bool:
    places = [text.find(word) for word in words]
    return -1 not in places and places == sorted(places)


@pytest.mark.proves("make-site-and-make-test", reads=["README.md", "Makefile"])
def test_make_site_sets_up_serves_and_runs_the_spec() -> None:
    site = (
        "make site    # sets everything up, serves the site at http://127.0.0.1:8000, and runs the spec on real input\n"
    )
    assert f"{site}make test    # checks the sources and runs the tests\n" in README
    set_up = ("-m venv .venv", "tools/install.py", "tests/browser.py", "tests/nginx.py", "tests/faketime.py")
    assert _in_order(_made("site"), *set_up, "-m guide", "living-spec serve --address 127.0.0.1:8000 --numprocesses")
    assert "data/penguins" in (ROOT / "tests/acceptance/penguins.py").read_text("utf-8").replace('" / "', "/")
    checks = ("ruff check .", "mypy", "lint-imports", "living-spec lint")
    assert _in_order(_made("test"), *set_up, *checks, " run tests .venv/bin/pytest --numprocesses")
    assert {"tests/unit", "tests/reliability", "tests/acceptance"} <= set(
        PROJECT["tool"]["pytest"]["ini_options"]["testpaths"]
    )


@pytest.mark.proves("packages-go-into-venv", reads=["Makefile", "tools/install.py"])
def test_packages_are_installed_into_the_virtual_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the set-up that installs some is one of `.venv`."""
    makes = _made("setup")
    assert re.findall(r"^(\S+) tools/install\.py", makes, re.MULTILINE) == [".venv/bin/python"]
    assert "pip install" not in makes
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(list(map(str, command)))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    install.main()
    own = str(Path(sys.executable).parent)
    assert [command for command in asked if not command[0].startswith(own)] == []
    assert any("install" in command for command in asked)
    assert [command for command in asked if {"--system", "--user", "--target"} & set(command)] == []


@pytest.mark.proves("make-installs-on-debian")
def test_as_root_on_debian_missing_programs_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """nginx, libfaketime, and Chromium where Playwright could not download it; nothing without the powers of root."""
    programs = tmp_path / "bin"
    programs.mkdir()
    script = f'#!/bin/sh\nfor name; do :; done\necho "$name" >> {tmp_path}/asked\n'
    script += f"case $name in nginx|chromium*) printf '#!/bin/sh\\n' > {programs}/$name"
    script += f"; /bin/chmod +x {programs}/$name;; libfaketime) /bin/mkdir -p {tmp_path}/lib/faketime"
    script += f"; printf '' > {tmp_path}/lib/faketime/libfaketimeMT.so.1;; esac\n"
    (programs / "apt-get").write_text(script)
    (programs / "apt-get").chmod(0o755)
    for name in ("CI", "BROWSER", "PWDEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "downloads"))
    monkeypatch.setattr(nginx, "_PLACES", "")
    monkeypatch.setattr(faketime, "_PLACES", (f"{tmp_path}/lib",))
    monkeypatch.setenv("PLAYWRIGHT_DOWNLOAD_HOST", "http://127.0.0.1:9")  # where nobody listens
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)
    assert (browser.main(), nginx.main(), faketime.main()) == (0, 0, 0)
    assert not (tmp_path / "asked").exists()
    monkeypatch.setattr(debian.os, "geteuid", lambda: 0)
    assert (browser.main(), nginx.main(), faketime.main()) == (0, 0, 0)
    asked = (tmp_path / "asked").read_text().split()
    assert [name for name in asked if name != "update"] == ["chromium-headless-shell", "nginx", "libfaketime"]
    assert (browser.find_browser(), nginx.find_nginx()) == (
        str(programs / "chromium-headless-shell"),
        str(programs / "nginx"),
    )
    capsys.readouterr()


@pytest.mark.proves("tree-of-the-readme", reads=["README.md", "pyproject.toml", "data/penguins/README.md"])
def test_the_tree_of_the_readme_is_there() -> None:
    """Each folder and file; the rooms in the order of the import contract; the surfaces; the licence of the input."""
    tree = re.findall(r"^    (\s*)(\S.*?)  +(.*)$", README.split("## The tree")[1], re.MULTILINE)
    assert len(tree) > 10
    rooms = []
    for depth, names, _ in tree:
        for name in names.split(", "):
            folder = ROOT / "src/grid_datastores" if depth else ROOT
            place = folder / name if name != "reliability/" else ROOT / "tests/reliability"
            assert place.is_dir() if name.endswith("/") else place.is_file(), name
            rooms += [name.rstrip("/")] if depth else []
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = [set(layer.split(" | ")) for one in contracts if one["type"] == "layers" for layer in one["layers"]]
    depths = [next(depth for depth, layer in enumerate(layers) if room in layer) for room in rooms]
    assert depths == sorted(depths)
    assert set(rooms) == set().union(*layers[:8]) - {"entry", "settings"}
    said = {names: meaning for _, names, meaning in tree}
    assert said["tests/acceptance/"].endswith("API, CLI, web UI, CLI without a server")
    assert [name.lower() for name in find_config(ROOT).surfaces.values()] == [
        "api",
        "cli",
        "web ui",
        "cli without a server",
    ]
    assert any(one["type"] == "independence" for one in contracts), "living_spec knows nothing of datastores"
    assert said["data/penguins/"].endswith("(CC0)")
    assert "CC0" in (ROOT / "data/penguins/README.md").read_text("utf-8")


@pytest.mark.proves("make-test-checks-imports", reads=["Makefile"])
def test_make_test_checks_imports() -> None:
    assert "lint-imports" in _made("test")
    assert any(one["type"] == "layers" for one in PROJECT["tool"]["importlinter"]["contracts"])


@pytest.mark.proves("make-test-fast", reads=["Makefile"])
def test_make_test_fast_runs_unit_tests_and_one_surface() -> None:
    [command] = [line for line in _made("test-fast").splitlines() if "pytest" in line]
    assert {"tests/unit", "tests/acceptance", "--one-surface"} <= set(command.split())


@pytest.mark.proves("make-docs-builds-and-checks", reads=["Makefile", "mkdocs.yml"])
def test_make_docs_builds_into_site_and_checks_it() -> None:
    made = _made("docs")
    assert _in_order(made, "python -m site_builds", " tests/docs --quiet")
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "site_dir" not in text, "the usual one is site/"
    run = re.search(r"^(\S+living-spec check) \|\| .*pytest .*tests/acceptance$", made, re.MULTILINE)
    assert run, "the run happens only where the evidence is not fresh"


@pytest.mark.proves("gate-of-the-readme", reads=["README.md", ".ci/run"])
def test_the_gate_sets_up_tests_and_builds() -> None:
    script = (ROOT / ".ci/run").read_text("utf-8")
    assert "`.ci/run` is the gate: it sets everything up, and runs `make test` and `make docs`." in README
    assert _in_order(script, "set -euo pipefail", "make setup\n", "\nmake test\n", "\nmake docs\n")
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]
    assert [step["run"] for step in jobs["ci"]["steps"] if "make" in step.get("run", "")] == ["make test", "make docs"]
