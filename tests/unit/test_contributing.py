"""The page for contributors: its picture is the import contract, and what it names exists."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import httpx
import pytest

import words
from acceptance import origins, world
from acceptance.surfaces import Surface
from acceptance.surfaces.api import ApiSurface
from acceptance.surfaces.cli import CliSurface
from acceptance.surfaces.ui import UiSurface
from grid_datastores.domain.errors import SourceFailed
from grid_datastores.domain.model import SourceKind
from grid_datastores.sources.parse import parse_source
from grid_datastores.sources.remote import open_remote
from grid_datastores.storage.local import LocalStorage
from grid_datastores.storage.protocol import Storage
from guide import architecture
from living_spec.config import find_config

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "grid_datastores"
PROJECT = ROOT / "pyproject.toml"
PAGE = (ROOT / "docs" / "contributing.md").read_text("utf-8")
NAMED = re.findall(r"`([\w/]+\.py):([\w.]+)`", PAGE)
STEP = re.compile(r"^\| `([\w/]+\.py):[\w.]+` \|", re.MULTILINE)


@pytest.mark.proves("names-of-contributing", reads=["docs/contributing.md"])
@pytest.mark.parametrize(("module", "name"), NAMED)
def test_what_the_page_names_exists(module: str, name: str) -> None:
    body = ast.parse((PACKAGE / module).read_text("utf-8")).body
    for part in name.split("."):
        (found,) = (
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == part
        )
        body = found.body


@pytest.mark.proves("walk-of-a-delete", reads=["docs/contributing.md", "pyproject.toml"])
def test_a_delete_goes_one_way_through_the_rooms() -> None:
    """Below the service, which brings catalog, storage and rules together, their order is free."""
    depth = {room: number for number, layer in enumerate(architecture.layers()) for room in layer}
    walks = [STEP.findall(section) for section in PAGE.split("| Step | What it does |")[1:]]
    assert len(walks) == 2
    for walk in walks:
        rooms = [depth[module.partition("/")[0].removesuffix(".py")] for module in walk]
        steps = [min(room, depth["service"] + 1) for room in rooms]
        assert steps == sorted(steps)
        assert steps[-1] > depth["service"]


@pytest.mark.proves("picture-is-the-contract", reads=["pyproject.toml"])
def test_the_picture_shows_every_room_of_the_contract_and_says_the_layers() -> None:
    picture = architecture.picture()
    for layer in architecture.layers():
        assert all(f">{room}</tspan>" in picture for room in layer)
    assert "From the top: entry; below it: cli;" in picture
    assert picture.count('class="dg-arrow"') == len(architecture.layers()) - 1


def test_the_table_says_what_each_room_is_for() -> None:
    rows = architecture.table().splitlines()[2:]
    assert len(rows) == sum(map(len, architecture.layers()))
    assert [row for row in rows if not re.fullmatch(r"\| `\w+` \| [A-Z].*\w.*\. \|", row)] == []


@pytest.mark.proves("files-of-contributing", reads=["docs/contributing.md"])
def test_the_files_that_the_page_names_exist() -> None:
    files = re.findall(r"`((?:tests|features|tools|src)/[\w./-]+)`", PAGE)
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []


@pytest.mark.proves("contributing-has-what-the-readme-says", reads=["docs/contributing.md"])
def test_the_page_has_the_architecture_the_fast_loop_and_how_to_add_something() -> None:
    titles = re.findall(r"^## (.+)", PAGE, re.MULTILINE)
    assert {"Architecture", "Add a rule", "Add a surface", "Add a storage"} <= set(titles)
    assert re.search(r"^make test-fast +# after each change", PAGE, re.MULTILINE)


@cache
def _made(target: str) -> str:
    """The commands that `make` would run for this target on a machine that is set up, after their stages."""
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", *shlex.split(target)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.proves("make-checks", reads=["Makefile"])
def test_make_checks_checks_what_the_page_lists() -> None:
    """`living-spec lint` looks at features, pages, proofs of sentences, known issues and steps."""
    made = _made("checks")
    for command in (
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports",
        "living-spec lint",
        "python tools/words.py",
        "python tools/names.py",
    ):
        assert f".venv/bin/{command}\n" in made, command


@pytest.mark.proves("make-docs-runs-proving-tests", reads=["Makefile"])
def test_make_docs_runs_the_tests_that_prove_facts_where_their_results_are_not_fresh() -> None:
    assert re.search(r"^\S+living-spec facts \|\| .*pytest .*-m proves$", _made("docs"), re.MULTILINE)


@pytest.mark.proves("commands-of-contributing", reads=["docs/contributing.md", "Makefile", ".ci/run"])
def test_the_first_commands_of_the_page_are_there_and_do_what_they_say() -> None:
    [block] = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    commands = dict(re.split(r" +# ", line) for line in block.splitlines())
    assert list(commands) == ["make setup", "make test-fast", "make checks", ".ci/run"]
    assert commands["make test-fast"].endswith("unit tests, and every scenario once")
    for command in commands:
        assert command == ".ci/run" or _made(command.removeprefix("make ")).strip()
    assert os.access(ROOT / ".ci/run", os.X_OK)
    gate = (ROOT / ".ci/run").read_text("utf-8")
    assert "make setup" in gate
    assert "\nmake test\nmake docs\n" in gate, "everything: `make test` has the checks"
    assert set(_made("checks").splitlines()) <= set(_made("test").splitlines())


@pytest.mark.proves("targets-of-contributing", reads=["docs/contributing.md", "Makefile"])
def test_the_commands_of_the_last_table_do_what_it_says() -> None:
    """`make checks` has a test of its own."""
    rows = dict(re.findall(r"^\| `make ([a-z]+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert set(rows) == {"checks", "test", "docs", "defects", "mutation", "trust", "bench", "builders", "shipped"}
    made = {target: _made(target) for target in rows}
    assert re.search(r" tests \.venv/bin/pytest --numprocesses \d+ --dist worksteal$", made["test"], re.MULTILINE)
    assert "tests/acceptance" in tomllib.loads(PROJECT.read_text("utf-8"))["tool"]["pytest"]["ini_options"]["testpaths"]
    assert made["docs"].index("living-spec check ||") < made["docs"].index("python -m site_builds")
    assert made["docs"].index("python -m site_builds") < made["docs"].index(" tests/docs")
    assert "cd tests && ../.venv/bin/python -m defects.run" in made["defects"]
    assert "pip install --quiet cosmic-ray" in made["mutation"]
    assert "python tools/mutation.py" in made["mutation"]
    assert made["builders"].index("pip install --quiet properdocs") < made["builders"].index("python tools/builders.py")
    assert "zensical==" in made["builders"]
    assert re.search(r"pytest .* tests/acceptance --edition shipped$", made["shipped"], re.MULTILINE)
    assert _made("defects DEFECTS=quota-ignored").endswith("-m defects.run quota-ignored\n")


@pytest.mark.proves("import-contracts-hold", reads=["pyproject.toml"])
def test_a_module_in_no_room_an_import_that_goes_up_or_sideways_and_one_of_datastores_fail(tmp_path: Path) -> None:
    """In a copy of the sources, which is in order before."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT, tmp_path)
    assert _contracts(tmp_path) == (0, [])
    (tmp_path / "src/grid_datastores/roomless.py").touch()
    code, said = _contracts(tmp_path)
    assert (code, "grid_datastores.roomless" in " ".join(said)) == (1, True)
    (tmp_path / "src/grid_datastores/roomless.py").unlink()
    for module, imported in (
        ("grid_datastores/domain/naming.py", "grid_datastores.service"),
        ("grid_datastores/catalog/schema.py", "grid_datastores.storage.manifest"),
        ("living_spec/text.py", "grid_datastores.domain.text"),
    ):
        path = tmp_path / "src" / module
        before = path.read_text("utf-8")
        path.write_text(f"{before}\nimport {imported}\n", "utf-8")
        code, said = _contracts(tmp_path)
        assert (code, "BROKEN" in " ".join(said)) == (1, True), module
        path.write_text(before, "utf-8")


def _contracts(folder: Path) -> tuple[int, list[str]]:
    """The exit code of the check of imports, and its lines about what is broken."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--config", str(folder / PROJECT.name)]
    done = subprocess.run(command, cwd=folder / "src", capture_output=True, text=True)
    return done.returncode, [line for line in done.stdout.splitlines() if re.search("BROKEN|roomless", line)]


@pytest.mark.proves("surfaces-of-contributing", reads=["docs/contributing.md", "pyproject.toml"])
def test_the_surfaces_of_the_page_are_those_of_the_project() -> None:
    [line] = re.findall(r"^The surfaces are (.*?)\.", PAGE, re.MULTILINE)
    assert re.findall("`([^`]+)`", line) == list(find_config(ROOT).surfaces)


@pytest.mark.proves("steps-are-in-one-place")
def test_steps_are_defined_in_their_folder_alone() -> None:
    """And none is for some surfaces only: that one exists twice is a mistake for the lint."""
    defined = re.compile(r"^@(?:given|when|then|step)\(", re.MULTILINE)
    files = [path for path in (ROOT / "tests").rglob("*.py") if "living_spec" not in path.parts]
    places = {path.parent for path in files if defined.search(path.read_text("utf-8"))}
    assert places == {ROOT / "tests/acceptance/steps"}


@pytest.mark.proves("surface-classes")
def test_every_surface_is_made_of_a_class_with_the_methods_of_a_surface() -> None:
    made = inspect.signature(world._surface, eval_str=False).return_annotation
    classes = (ApiSurface, CliSurface, UiSurface)
    assert set(made.split(" | ")) == {one.__name__ for one in classes}
    wanted = {name for name, value in vars(Surface).items() if inspect.isfunction(value) and name[0] != "_"}
    assert len(wanted) > 10
    for one in classes:
        assert [name for name in wanted if not callable(getattr(one, name, None))] == []
        assert Path(inspect.getfile(one)).parent == ROOT / "tests/acceptance/surfaces"


@pytest.mark.proves("sources-of-contributing")
def test_every_kind_of_source_has_an_address_and_those_that_are_fetched_are_opened(tmp_path: Path) -> None:
    typed = {parse_source("a"), parse_source("https://a.test/a.zip"), parse_source("s3://abc")}
    found = {source.kind for source in (*typed, parse_source("s3://abc", no_copy=True))}
    assert found == set(SourceKind)
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["10.0.0.1"]

    with pytest.raises(SourceFailed), open_remote(parse_source("https://a.test/a.zip"), tmp_path, resolve=resolve):
        pass
    assert asked == ["a.test"]
    text = (PACKAGE / "sources/remote.py").read_text("utf-8")
    assert set(re.findall(r"SourceKind\.([A-Z]+)", text)) == {kind.name for kind in SourceKind}


@pytest.mark.proves("origins-of-scenarios")
def test_what_scenarios_fetch_from_is_started_by_their_origins(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"1")
    with origins.web_server(tmp_path) as host:
        assert httpx.get(f"http://{host}/a.zip").content == b"1"
    with origins.open_origins(tmp_path) as opened:
        assert {"GRID_ALLOW_SOURCE_HOSTS", "AWS_ENDPOINT_URL"} <= set(opened.environment)
    for steps in (ROOT / "tests/acceptance/steps").glob("*.py"):
        assert not re.search(r"HTTPServer|moto", steps.read_text("utf-8")), steps


@pytest.mark.proves("storage-of-a-folder")
def test_the_storage_in_a_folder_has_every_method_of_a_storage() -> None:
    wanted = {name for name, value in vars(Storage).items() if inspect.isfunction(value) and name[0] != "_"}
    assert len(wanted) > 10
    for name in wanted:
        ours, promised = (inspect.signature(getattr(one, name)).parameters for one in (LocalStorage, Storage))
        assert list(ours) == list(promised), name


@pytest.mark.proves("words-have-something-better", reads=["tools/words.toml"])
def test_every_word_that_is_refused_has_something_to_say_instead() -> None:
    listed = tomllib.loads((ROOT / "tools/words.toml").read_text("utf-8"))["word"]
    assert [word for word in listed if not (word["not"] and word["say"])] == []
    word = next(one for one in listed if one["not"] == "can not")
    assert list(words.problems(words.read_list(), "a.md", "You can not.\n")) == [f"1: “can not”: say {word['say']}."]


@pytest.mark.proves("mutation-runs-scenarios-over-the-api", reads=["tools/mutation.py", "Makefile"])
def test_mutation_changes_the_rules_the_use_cases_and_the_catalog_and_runs_scenarios_over_the_api() -> None:
    tool = (ROOT / "tools/mutation.py").read_text("utf-8")
    [modules] = re.findall(r"^MODULES = (\(.*\))$", tool, re.MULTILINE)
    assert set(ast.literal_eval(modules)) == {"domain/rules.py", "service", "catalog"}
    assert [name for name in ast.literal_eval(modules) if not (PACKAGE / name).exists()] == []
    [command] = re.findall(r"-m pytest (.*) --rootdir copy", tool)
    [options] = re.findall(r'options = f"(.*?)"', tool)
    assert command == "copy/tests/acceptance"
    assert re.findall(r"--surface (\S+)", options) == ["api"]
    assert "python tools/mutation.py" in _made("mutation")
