"""The store of evidence: one JSON file for each edition, surface and scenario.

    build/evidence/EDITION/SURFACE/SCENARIO.json      the results, one for each example row
    build/evidence/EDITION/SURFACE/pictures/*.png     the screenshots of these results
    build/evidence/EDITION/asked.json                 the scenarios that runs have selected, by surface

A run of some scenarios replaces their results and keeps all others.
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

    from living_spec.config import Config


_ASKED = "asked.json"
PICTURES = "pictures"  # the folder for them, below that of the pages


class _File(TypedDict):
    results: list[ResultJson]


def read_evidence(spec: Spec) -> dict[Key, Result]:
    """The results of all scenarios and surfaces that still exist, stale ones included."""
    return {
        result.key: result
        for path in sorted(spec.config.evidence.glob("*/*/*.json"))
        for result in _read(path)
        if _wanted(result.key, spec)
    }


def write_evidence(spec: Spec, results: Iterable[Result], pictures: Mapping[str, bytes]) -> None:
    """Add results to those of earlier runs; one with the same key replaces the earlier one."""
    new = {result.key: result for result in results}
    known = read_evidence(spec) | new
    for key in new:
        folder = spec.config.evidence / key.edition / key.surface
        for step in new[key].steps:
            for record in step.records:
                if isinstance(record, Screenshot):
                    _replace(folder / "pictures" / record.file, pictures[record.file])
    touched = {key[:3] for key in new}
    for place, keys in groupby(sorted(known), key=lambda key: key[:3]):
        if place in touched:
            rows: _File = {"results": [cast("ResultJson", asdict(known[key])) for key in keys]}
            text = json.dumps(rows, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            edition, surface, scenario = place
            _replace(spec.config.evidence / edition / surface / f"{scenario}.json", text.encode())
    _drop_leftovers(spec, known)


def write_asked(spec: Spec, edition: str, asked: Mapping[str, Iterable[str]]) -> None:
    """Add the selection of a run, surface -> scenarios, to those of earlier runs."""
    known = read_asked(spec, edition) or frozenset()
    known |= {(surface, id_) for surface, ids in asked.items() for id_ in ids}
    content = {
        surface: sorted(id_ for name, id_ in known if name == surface)
        for surface in sorted({name for name, _ in known})
    }
    _replace(spec.config.evidence / edition / _ASKED, (json.dumps(content, indent=1) + "\n").encode())


def read_asked(spec: Spec, edition: str) -> frozenset[tuple[str, str]] | None:
    """The (surface, scenario) pairs that runs have selected; None where no selection was written."""
    try:
        content = json.loads((spec.config.evidence / edition / _ASKED).read_text("utf-8"))
        return frozenset((surface, id_) for surface, ids in content.items() for id_ in ids)
    except (OSError, ValueError, AttributeError, TypeError):
        return None


def publish_pictures(config: Config) -> None:
    """Copy the pictures of the first edition into a folder of the pages, and remove others from there.

    A picture's name is the digest of its content, so an existing file needs no second copy.
    """
    target = config.pages / PICTURES
    target.mkdir(exist_ok=True)
    wanted = {path.name: path for path in config.evidence.glob(f"{config.first_edition}/*/pictures/*.png")}
    for path in target.glob("*.png"):
        if path.name not in wanted:
            path.unlink()
    for name, path in wanted.items():
        if not (target / name).exists():
            _replace(target / name, path.read_bytes())


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


def _drop_leftovers(spec: Spec, known: Mapping[Key, Result]) -> None:
    """Remove the files of scenarios that no longer exist, and pictures without a result."""
    folder = spec.config.evidence
    kept = {folder / key.edition / key.surface / f"{key.scenario}.json" for key in known}
    kept |= {
        folder / key.edition / key.surface / "pictures" / record.file
        for key, result in known.items()
        for step in result.steps
        for record in step.records
        if isinstance(record, Screenshot)
    }
    for path in (*folder.glob("*/*/*.json"), *folder.glob("*/*/pictures/*.png")):
        if path not in kept:
            path.unlink()


def _replace(path: Path, content: bytes) -> None:
    """Replace a file atomically, so that a build during the run never reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_bytes(content)
    aside.replace(path)


def read_proof(config: Config) -> Proof:
    """Read the spec, the evidence and the known issues, and compute the digest of the present sources."""
    spec = read_spec(config)
    return Proof(spec, read_evidence(spec), digest(config), read_register(spec))
