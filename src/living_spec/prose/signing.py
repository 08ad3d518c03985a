"""`living-spec sign`: updates the bindings of pages, and asks about each sentence that has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from living_spec.config import SpecError, display_path, find_config, read_source
from living_spec.prose.bindings import UNBOUND, Binding, Kind, Mark, bindings_file, read_bindings, written
from living_spec.prose.facts import by_fact, proving_tests
from living_spec.prose.lint import nearest
from living_spec.prose.sentences import sentences
from living_spec.spec import read_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from living_spec.config import Prose
    from living_spec.prose.bindings import Reference
    from living_spec.prose.facts import ProvingTest
    from living_spec.spec import Spec


@click.command()
@click.argument("pages", nargs=-1, type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Sign all changed sentences without asking.")
def sign(pages: tuple[Path, ...], yes: bool) -> None:
    """Update the bindings of PAGES; default: all pages.

    Shows each changed sentence with its proof, and asks whether the proof still shows it. Adds new sentences with a
    question mark, which you replace with a proof. Removes deleted sentences.
    """
    spec = read_spec(find_config(Path.cwd()))
    prose = spec.config.prose
    if prose is None:
        raise SpecError("The project has no table [tool.living-spec.prose]. Add it.")
    tests = by_fact(proving_tests(spec.config))
    for page in _chosen(prose, pages):
        file = bindings_file(prose, page)
        agree = _agreement(spec, tests, page, yes)
        bindings = updated(prose, read_source(page), read_bindings(file), agree)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(written(bindings), "utf-8")
        unbound = sum(not binding.bound for binding in bindings)
        left = f"{unbound} without a proof: replace each {UNBOUND!r} in it" if unbound else "all bound"
        what = "sentence" if len(bindings) == 1 else "sentences"
        click.echo(f"{display_path(file)}: {len(bindings)} {what}, {left}.")


def updated(
    prose: Prose, page: str, bindings: Sequence[Binding], agree: Callable[[Binding, str], bool]
) -> list[Binding]:
    """The bindings of a page's sentences, in their order. A changed sentence keeps its own if `agree` returns True.

    A new title that states no fact is marked as navigation.
    """
    of_page = {sentence.text: sentence for sentence in sentences(page.splitlines())}
    known = {binding.sentence: binding for binding in bindings}
    gone = [binding.sentence for binding in bindings if binding.bound and binding.sentence not in of_page]
    result = []
    for text, sentence in of_page.items():
        plain = sentence.title and not prose.states_a_fact(text)
        binding = known.get(text) or Binding(text, 0, mark=Mark.NAVIGATION if plain else None)
        before = None if text in known else nearest(text, gone)
        if before:
            gone.remove(before)
            if agree(known[before], text):
                binding = replace(known[before], sentence=text)
        result.append(binding)
    return result


def _chosen(prose: Prose, pages: Sequence[Path]) -> Iterable[Path]:
    known = list(prose.files())
    for page in pages:
        if page.resolve() not in known:
            raise SpecError(f"{page} is not one of the pages in [tool.living-spec.prose].")
    return [page.resolve() for page in pages] or known


def _agreement(
    spec: Spec, tests: Mapping[str, list[ProvingTest]], page: Path, yes: bool
) -> Callable[[Binding, str], bool]:
    def agree(before: Binding, now: str) -> bool:
        click.echo(f"{display_path(page)}\n  was: {before.sentence}\n  now: {now}")
        for proof in before.proofs:
            click.echo(f"  {proof}: {_what(spec, tests, proof)}")
        if before.mark:
            click.echo(f"  {before.mark}")
        return yes or click.confirm("  Does it still show what the sentence says?")

    return agree


def _what(spec: Spec, tests: Mapping[str, list[ProvingTest]], proof: Reference) -> str:
    """What a proof shows, in the words of the rule, scenario or test."""
    if proof.kind is Kind.TEST:
        return ", ".join(test.name for test in tests.get(proof.id, ())) or "there is no such test"
    if proof.kind is Kind.RULE:
        return spec.rule(proof.id).sentence
    scenario = spec.scenario(proof.id)
    return scenario.steps[proof.step - 1].text if proof.step else scenario.name
