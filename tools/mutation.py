"""Would the features notice a small change of the rules, the use cases or the catalog? `make mutation`.

Cosmic Ray changes one place of a copy at a time; the scenarios run on it over the API, nothing else does. A change
counts as noticed when they fail. Of the many changes that it can think of a sample is tried, the same one each time.
"""

from __future__ import annotations

import ast
import json
import random
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cosmic_ray.work_db import WorkDB
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "mutation"
COPY = FOLDER / "copy"
SESSION = FOLDER / "session.sqlite"
RESULT = ROOT / "tests" / "defects" / "mutation.json"
PYTHON = ROOT / ".venv" / "bin" / "python"
MODULES = ("domain/rules.py", "service", "catalog")
SAMPLE = 60
TIMEOUT = 240.0  # seconds for one run of the scenarios; the whole of it takes a quarter of that
_CONFIG = """[cosmic-ray]
module-path = {modules}
timeout = {timeout}
excluded-modules = []
test-command = {command}
[cosmic-ray.distributor]
name = "local"
"""


def main(sample: int) -> int:
    """Try the sample, or go on with one that was interrupted, and write down what was seen."""
    if not SESSION.exists():
        _begin(sample)
    _cosmic_ray("exec", "config.toml", SESSION.name)
    _write_down()
    SESSION.unlink()
    return 0


def _begin(sample: int) -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    for name in filter(None, tracked.split("\0")):
        target = COPY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    wrapper = "from pathlib import Path; from acceptance import executables; executables.wrapped(Path('.'), '')"
    _run([str(PYTHON), "-c", f"import sys; sys.path[:0] = ['copy/tests']; {wrapper}"])
    options = f"-x -q --tb=no -n 2 --surface api -p no:cacheprovider --evidence {FOLDER}/evidence"
    command = (
        f"{PYTHON} -m pytest copy/tests/acceptance --rootdir copy -c copy/pyproject.toml {options} --grid-cli ./grid"
    )
    modules = json.dumps([f"copy/src/grid_datastores/{name}" for name in MODULES])
    config = _CONFIG.format(modules=modules, timeout=TIMEOUT, command=json.dumps(command))
    (FOLDER / "config.toml").write_text(config)
    _cosmic_ray("baseline", "config.toml")
    _cosmic_ray("init", "config.toml", SESSION.name)
    _leave_out(sample)


def _leave_out(sample: int) -> None:
    """Skip what no run can notice, types and decorators, then all but the sample."""
    db = WorkDB(SESSION, WorkDB.Mode.open)
    items = sorted(db.work_items, key=_place)
    inert = {path: list(_inert(path)) for path in {FOLDER / item.mutations[0].module_path for item in items}}
    able = [item for item in items if not _skipped(item, inert[FOLDER / item.mutations[0].module_path])]
    chosen = {item.job_id for item in random.Random(1).sample(able, min(sample, len(able)))}  # noqa: S311
    left_out = [item.job_id for item in items if item.job_id not in chosen]
    db.set_multiple_results(left_out, WorkResult(worker_outcome=WorkerOutcome.SKIPPED, output=f"of {len(able)}"))
    db.close()
    print(f"{len(chosen)} of {len(able)} changes are tried.", flush=True)


def _place(item: WorkItem) -> tuple[str, tuple[int, int], str, int]:
    change = item.mutations[0]
    return str(change.module_path), change.start_pos, change.operator_name, change.occurrence


def _skipped(item: WorkItem, inert: list[tuple[tuple[int, int], tuple[int, int]]]) -> bool:
    change = item.mutations[0]
    if change.operator_name == "core/RemoveDecorator":
        return True
    return any(start <= change.start_pos < end for start, end in inert)


def _inert(path: Path) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations and imports for them are: (line, column) of their begin and end."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        found: list[ast.expr | ast.stmt | None] = []
        if isinstance(node, ast.FunctionDef):
            found = [node.returns]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            found = [node.annotation]
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            found = [node]
        for part in found:
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno or 0, part.end_col_offset or 0)


def _write_down() -> None:
    db = WorkDB(SESSION, WorkDB.Mode.open)
    items = {item.job_id: item for item in db.work_items}
    tried: dict[str, list[int]] = {}
    unnoticed = []
    possible = len(items)
    for job, result in sorted(db.results, key=lambda pair: _place(items[pair[0]])):
        if result.worker_outcome is WorkerOutcome.SKIPPED:
            possible = int((result.output or "of 0").removeprefix("of "))
            continue
        change = items[job].mutations[0]
        path = str(change.module_path).removeprefix("copy/src/grid_datastores/")
        noticed = result.test_outcome is not TestOutcome.SURVIVED
        counts = tried.setdefault(path, [0, 0])
        counts[0] += noticed
        counts[1] += 1
        if not noticed:
            lines = [
                line for line in (result.diff or "").splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
            ]
            unnoticed.append({"path": path, "line": change.start_pos[0], "change": lines})
    db.close()
    seen = {"seen": str(datetime.now(UTC).date()), "possible": possible, "tried": tried, "unnoticed": unnoticed}
    RESULT.write_text(json.dumps(seen, indent=1, ensure_ascii=False) + "\n", "utf-8")
    total = [sum(column) for column in zip(*tried.values(), strict=True)] or [0, 0]
    print(f"{total[0]} of {total[1]} changes were noticed; {RESULT.relative_to(ROOT)} says which were not.")


def _cosmic_ray(*words: str) -> None:
    _run([sys.executable, "-m", "cosmic_ray.cli", *words])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=FOLDER, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} ended with {done.returncode}.")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE))
