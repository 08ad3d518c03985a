"""The store of evidence: one JSON file for each edition, surface and scenario.

    build/evidence/EDITION/SURFACE/SCENARIO.json      the results, by example row
    build/evidence/EDITION/SURFACE/pictures/*.png     the screenshots of these results
    build/evidence/EDITION/asked.json                 the example rows that runs have asked for, by surface and scenario

A run of some tests replaces their results and keeps all others. An example row has several results if
several tests gave one, or one test ran several times.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, TypedDict, cast

from living_spec.evidence import Key, Result, ResultJson, Screenshot, digest, result_from_json
from living_spec.issues import read_register
from living_spec.results import Proof
from living_spec.spec import Spec, read_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from living_spec.collected import Collected
    from living_spec.config import Config

Asked = tuple[str, str, int]

_ASKED = "asked.json"
PICTURES = "pictures"  # the folder for them, below that of the pages


class _File(TypedDict):
    results: list[ResultJson]


def read_evidence(spec: Spec) -> dict[Key, tuple[Result, ...]]:
    """The results of all scenarios and surfaces that still exist, stale ones included."""
    return _by_key(
        result
        for path in sorted(spec.config.evidence.glob("*/*/*.json"))
        for result in _read(path)
        if _wanted(result.key, spec)
    )


def write_evidence(spec: Spec, results: Iterable[Result], pictures: Mapping[str, bytes], collected: Collected) -> None:
    """Add results to those of earlier runs. New results of a test replace its earlier ones.

    An earlier result of another test with the same key stays while that test exists. Results of unfinished tests are
    removed.
    """
    new = _by_key(results)
    before = read_evidence(spec)
    known = _by_key(old for olds in before.values() for old in olds if old.test not in collected.unfinished)
    for key, fresh in new.items():
        tests = {result.test for result in fresh}
        others = (old for old in known.get(key, ()) if old.test not in tests)
        kept = (old for old in others if not collected.drops(old, spec.config.root))
        known[key] = (*kept, *fresh)
        _write_pictures(spec.config.evidence / key.edition / key.surface, fresh, pictures)
    touched = {key[:3] for key in {*before, *new} if before.get(key) != known.get(key)}
    for place, keys in groupby(sorted(known), key=lambda key: key[:3]):
        if place in touched:
            rows: _File = {"results": [cast("ResultJson", asdict(result)) for key in keys for result in known[key]]}
            text = json.dumps(rows, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            edition, surface, scenario = place
            replace_file(spec.config.evidence / edition / surface / f"{scenario}.json", text.encode())
    _drop_leftovers(spec, known)


def _by_key(results: Iterable[Result]) -> dict[Key, tuple[Result, ...]]:
    found: dict[Key, tuple[Result, ...]] = {}
    for result in results:
        found[result.key] = (*found.get(result.key, ()), result)
    return found


def _write_pictures(folder: Path, results: Iterable[Result], pictures: Mapping[str, bytes]) -> None:
    for result in results:
        for step in result.steps:
            for record in step.records:
                if isinstance(record, Screenshot):
                    replace_file(folder / "pictures" / record.file, pictures[record.file])


def write_asked(spec: Spec, edition: str, asked: Iterable[Asked]) -> None:
    """Add the results that a run was asked for to those that earlier runs were asked for."""
    content: dict[str, dict[str, list[int]]] = {}
    for surface, scenario, row in sorted({*(read_asked(spec, edition) or ()), *asked}):
        content.setdefault(surface, {}).setdefault(scenario, []).append(row)
    replace_file(spec.config.evidence / edition / _ASKED, (json.dumps(content, indent=1) + "\n").encode())


def read_asked(spec: Spec, edition: str) -> frozenset[Asked] | None:
    """The results that runs were asked for, as (surface, scenario, row); None if none are stored."""
    try:
        content = json.loads((spec.config.evidence / edition / _ASKED).read_text("utf-8"))
        return frozenset(
            (surface, scenario, row) for surface, rows in content.items() for scenario in rows for row in rows[scenario]
        )
    except (OSError, ValueError, AttributeError, TypeError):
        return None  # missing, damaged, or of another release


def publish_pictures(config: Config) -> None:
    """Copy the pictures of all editions into a folder of the pages, and remove others from there.

    A picture's name is the digest of its content, so an existing file needs no second copy.
    """
    target = config.pages / PICTURES
    target.mkdir(exist_ok=True)
    wanted = {path.name: path for path in config.evidence.glob("*/*/pictures/*.png")}
    for path in target.glob("*.png"):
        if path.name not in wanted:
            path.unlink()
    for name, path in wanted.items():
        if not (target / name).exists():
            replace_file(target / name, path.read_bytes())


def _read(path: Path) -> Iterator[Result]:
    try:
        file = cast("_File", json.loads(path.read_text("utf-8")))
        yield from [result_from_json(data) for data in file["results"]]
    except (ValueError, KeyError, TypeError):
        return  # damaged, or of another release: counts as missing


def _wanted(key: Key, spec: Spec) -> bool:
    scenario = spec.scenarios.get(key.scenario)
    return (
        scenario is not None
        and key.row in scenario.rows
        and key.edition in spec.config.editions
        and key.surface in spec.config.surfaces
        and scenario.not_on(key.surface) is None
    )


def _drop_leftovers(spec: Spec, known: Mapping[Key, tuple[Result, ...]]) -> None:
    """Remove the files of scenarios that no longer exist, and pictures without a result."""
    folder = spec.config.evidence
    kept = {folder / key.edition / key.surface / f"{key.scenario}.json" for key in known}
    kept |= {
        folder / key.edition / key.surface / "pictures" / record.file
        for key, results in known.items()
        for result in results
        for step in result.steps
        for record in step.records
        if isinstance(record, Screenshot)
    }
    for path in (*folder.glob("*/*/*.json"), *folder.glob("*/*/pictures/*.png")):
        if path not in kept:
            path.unlink()


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically, so that a build during the run never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_bytes(content)
    aside.replace(path)


def read_proof(config: Config) -> Proof:
    """Read the spec, the evidence and the known issues, and compute the digest of the present sources."""
    spec = read_spec(config)
    return Proof(spec, read_evidence(spec), digest(config), read_register(spec))
