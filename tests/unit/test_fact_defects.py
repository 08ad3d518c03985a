"""A sentence that is made false by a defect of the software is noticed by the test that proves it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from defects.facts import FACT_DEFECTS, FactDefect
from forked import Forked
from living_spec.config import find_config
from living_spec.prose.facts import by_fact, proving_tests

ROOT = Path(__file__).parents[2]
TESTS = by_fact(proving_tests(find_config(ROOT)))
OPTIONS = ("-qq", "-x", "-p", "no:cacheprovider")  # the first failure is enough
TRY = """
import sys
import pytest
from defects.facts import FACT_DEFECTS
id_, *options = sys.argv[1:]
for defect in FACT_DEFECTS:
    if defect.id == id_:
        defect.apply()
sys.exit(pytest.main(options))
"""


@pytest.fixture(scope="module")
def loaded() -> Iterator[Forked]:
    """What runs pytest in a process of its own, with the proving tests loaded."""
    files = {str(test.path) for defect in FACT_DEFECTS for test in TESTS[defect.fact]}
    collect = [*OPTIONS, "--collect-only", *sorted(files)]
    with closing(Forked(f"import pytest; pytest.main({collect!r})", ROOT)) as process:
        yield process


@pytest.mark.proves("facts-are-broken-with-every-run")
@pytest.mark.parametrize("defect", FACT_DEFECTS, ids=lambda defect: defect.id)
def test_the_proof_of_a_sentence_fails_when_the_sentence_is_false(
    loaded: Forked, defect: FactDefect, tmp_path: Path
) -> None:
    folders = ["--evidence", str(tmp_path / "evidence"), "--basetemp", str(tmp_path / "temporary")]
    tests = sorted((test.name for test in TESTS[defect.fact]), key=lambda name: not name.startswith("tests/unit/"))
    asked = [*OPTIONS, *folders, *tests]  # those in process come first, as they are the fastest
    done = loaded.run(TRY, defect.id, *asked, folder=ROOT)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
