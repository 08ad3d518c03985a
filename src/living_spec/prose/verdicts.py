"""The verdicts on sentences: whether their proofs were run, passed, and are fresh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from living_spec.prose.bindings import Kind, Reference, bindings_file, read_bindings
from living_spec.prose.facts import by_fact, fact_digests, judge_test, proving_tests, read_results
from living_spec.results import Freshness, Proof, Verdict, combine
from living_spec.results import Kind as VerdictKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from living_spec.config import Config
    from living_spec.prose.bindings import Binding
    from living_spec.prose.facts import ProvingTest


@dataclass(frozen=True)
class ProofOfProse:
    """The bindings of all pages, and the evidence of an edition that they rely on."""

    proof: Proof
    edition: str

    @property
    def config(self) -> Config:
        """The project's configuration."""
        return self.proof.spec.config

    @cached_property
    def pages(self) -> Mapping[Path, tuple[Binding, ...]]:
        """The bindings of each page that is bound, in the order of the configuration."""
        prose = self.config.prose
        return {page: read_bindings(bindings_file(prose, page)) for page in prose.files()} if prose else {}

    @cached_property
    def tests(self) -> Mapping[str, list[ProvingTest]]:
        """The tests of each fact."""
        return by_fact(proving_tests(self.config))

    @cached_property
    def of_tests(self) -> Mapping[str, Verdict]:
        """The verdict on each test that proves a fact, by name."""
        tests = [test for of_fact in self.tests.values() for test in of_fact]
        digests, results = fact_digests(self.config, tests), read_results(self.config)
        return {test.name: judge_test(results.get(test.name), digests[test.name]) for test in tests}

    def verdict(self, reference: Reference) -> Verdict:
        """The verdict on one proof. Raises SpecError if it does not exist."""
        if reference.kind is Kind.TEST and self.edition != self.config.first_edition:
            return Verdict(VerdictKind.NOT_RUN, "tests run on the first edition only", Freshness.FRESH)
        if reference.kind is Kind.TEST:
            return combine(self.of_tests[test.name] for test in self.tests.get(reference.id, ()))
        edition, spec = self.edition, self.proof.spec
        surfaces = reference.surfaces or tuple(self.config.surfaces)
        if reference.kind is Kind.RULE:
            return combine(self.proof.rule(spec.rule(reference.id), surface, edition) for surface in surfaces)
        return combine(self.proof.scenario(spec.scenario(reference.id), surface, edition) for surface in surfaces)

    def of(self, binding: Binding) -> Verdict:
        """The verdict on a bound sentence: the worst of its proofs."""
        return combine(self.verdict(reference) for reference in binding.proofs)
