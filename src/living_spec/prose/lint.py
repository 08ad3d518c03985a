"""Lint of prose: sentences without a proof, sentences that changed after they were bound, and missing proofs."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from living_spec.config import SpecError, read_source
from living_spec.prose.bindings import Binding, Kind, bindings_file, read_bindings
from living_spec.prose.facts import by_fact, proving_tests
from living_spec.prose.sentences import sentences
from living_spec.prose.values import read_values, value_names
from living_spec.text import suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from living_spec.prose.bindings import Reference
    from living_spec.prose.facts import ProvingTest
    from living_spec.prose.sentences import Sentence
    from living_spec.spec import Spec

Place = tuple["Path", int, str]

_ALIKE = 0.6  # the lowest ratio of difflib at which a sentence counts as a changed form of another


def prose_problems(spec: Spec) -> Iterator[Place]:
    """The mistakes in the prose of the configured pages and in its bindings, as (file, line, message)."""
    config = spec.config
    if config.prose is None:
        return
    tests = by_fact(proving_tests(config))
    named: set[str] = set()
    values = read_values(config.prose)
    files: set[Path] = set()
    for page in config.prose.files():
        lines = read_source(page).splitlines()
        for line, name in value_names(lines):
            if name not in values:
                yield page, line, f"There is no value {name!r}.{suggestion(name, values)}"
        file = bindings_file(config.prose, page)
        files.add(file)
        bindings = read_bindings(file)
        yield from unbound(page, list(sentences(lines)), bindings)
        lines_of: dict[str, int] = {}
        for binding in bindings:
            for sentence in _of_binding(spec, tests, binding):
                yield file, binding.line, sentence
            if (first := lines_of.setdefault(binding.sentence, binding.line)) != binding.line:
                yield file, binding.line, f"{binding.sentence!r} is already bound in line {first}. Keep one."
            named |= {proof.id for proof in binding.proofs if proof.kind is Kind.TEST}
    for file in sorted({*config.prose.bindings.rglob("*.txt")} - files):
        yield file, 1, "No page belongs to these bindings. Remove the file, or give it the name of its page."
    for fact in sorted(tests.keys() - named):
        test = tests[fact][0]
        yield test.path, test.line, f"No sentence of the pages names the fact {fact!r}. Bind one, or remove the marker."


def nearest(text: str, known: Iterable[str]) -> str | None:
    """The known sentence that most resembles this one, so probably its earlier wording; None if none is near."""
    close = difflib.get_close_matches(text, list(known), n=1, cutoff=_ALIKE)
    return close[0] if close else None


def unbound(page: Path, of_page: Sequence[Sentence], bindings: Sequence[Binding]) -> Iterator[Place]:
    """The sentences of a page without a binding, and the bindings without a sentence on the page."""
    texts = {sentence.text for sentence in of_page}
    known = {binding.sentence: binding for binding in bindings}
    gone = known.keys() - texts
    for sentence in of_page:
        binding = known.get(sentence.text)
        if binding is None:
            before = nearest(sentence.text, gone)
            gone.discard(before or "")
            yield page, sentence.line + 1, _new(sentence.text, before)
        elif not binding.bound:
            yield page, sentence.line + 1, f"Nothing proves {sentence.text!r}. Name its proof in its bindings."
        elif sentence.code and binding.mark:
            yield page, sentence.line + 1, "Code needs a proof: a test that runs it, or a scenario."
    for text in sorted(gone):
        yield page, 1, f"The page no longer says {text!r}. Run `living-spec sign`."


def _new(text: str, before: str | None) -> str:
    if before:
        return f"{text!r} was {before!r} when it was signed. Check its proof again: living-spec sign"
    return f"Nothing proves {text!r}. Add it to the bindings with `living-spec sign`, and name its proof there."


def _of_binding(spec: Spec, tests: Mapping[str, list[ProvingTest]], binding: Binding) -> Iterator[str]:
    prose = spec.config.prose
    if binding.mark and prose and (found := prose.states_a_fact(binding.sentence)):
        yield f"A sentence with {found!r} states a fact, so it needs a proof and cannot be {binding.mark}."
    for proof in binding.proofs:
        try:
            problem = _of_proof(spec, tests, proof)
        except SpecError as error:
            problem = error.message
        if problem:
            yield problem


def _of_proof(spec: Spec, tests: Mapping[str, list[ProvingTest]], proof: Reference) -> str | None:
    if proof.kind is Kind.TEST:
        if proof.id not in tests:
            return f"No test proves {proof.id!r}.{suggestion(proof.id, tests)}"
        return None
    for surface in proof.surfaces:
        if surface not in spec.config.surfaces:
            return f"There is no surface {surface!r}.{suggestion(surface, spec.config.surfaces)}"
    scenarios = (spec.scenario(proof.id),) if proof.kind is Kind.SCENARIO else spec.rule(proof.id).scenarios
    for surface in proof.surfaces:
        if all(scenario.not_on(surface) for scenario in scenarios):
            return f"The {proof.kind} {proof.id!r} does not run on {surface}."
    if proof.step and proof.step > len(scenarios[0].steps):
        return f"The scenario {proof.id!r} has {len(scenarios[0].steps)} steps, not {proof.step}."
    return None
