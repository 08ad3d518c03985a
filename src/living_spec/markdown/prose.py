"""Puts a mark that opens the proofs behind each sentence of a page, and makes the blocks `proofs` and `prose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from living_spec.markdown.context import warn_of_prose, why
from living_spec.markdown.markup import authored, literal, result, table
from living_spec.markdown.proven import mark
from living_spec.pages import page_title
from living_spec.prose.bindings import Kind, Mark, Reference
from living_spec.prose.sentences import sentences
from living_spec.prose.values import with_values
from living_spec.results import Kind as Verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from living_spec.features import Scenario
    from living_spec.markdown.context import Context
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block
    from living_spec.prose.bindings import Binding
    from living_spec.results import Verdict


def marked(context: Context, lines: Sequence[str]) -> Lines:
    """The lines with a mark behind each proven sentence, a warning behind each unproven one, and their values."""
    if context.site.prose is None:
        return list(lines)
    inserts: dict[int, list[tuple[int, str]]] = {}
    for sentence in sentences(lines):
        binding = context.site.bindings.get(sentence.text)
        if binding and binding.proofs and sentence.mark_at:
            line, column = sentence.mark_at
            inserts.setdefault(line, []).append((column, _mark(context, binding)))
    values = context.site.values
    return [with_values(_inserted(line, inserts.get(number, [])), values) for number, line in enumerate(lines)]


def proofs(context: Context, block: Block) -> Lines:
    """`::: proofs`: every sentence of the pages with its proofs and their results."""
    block.expect(0)
    lines: Lines = []
    shown: set[str] = set()
    for page, bindings in context.site.prose.pages.items() if context.site.prose else ():
        proven = [binding for binding in bindings if binding.proofs]
        lines += [f"## {_title(context, page)}", ""] if proven else []
        for binding in proven:
            # A sentence of two pages has one anchor.
            anchor = "" if binding.sentence in shown else f'<span id="{context.site.anchors[binding.sentence]}"></span>'
            shown.add(binding.sentence)
            proofs_of_it = "<br>".join(_shown(context, proof) for proof in binding.proofs)
            lines += [f"- {anchor}{_quoted(binding.sentence)}<br>{proofs_of_it}"]
        lines.append("")
    return lines


def _quoted(sentence: str) -> str:
    """A sentence with its code as code; a block of code as one piece."""
    if sentence.startswith("```"):
        return f"<code>{literal(sentence.strip('`'))}</code>"
    return authored(sentence)


def prose(context: Context, block: Block) -> Lines:
    """`::: prose`: for each page, how many sentences are proven facts, and how many have each mark."""
    block.expect(0)
    rows = []
    for page, bindings in context.site.prose.pages.items() if context.site.prose else ():
        facts = [binding for binding in bindings if binding.mark is None]
        proven = [binding for binding in facts if binding.proofs]
        share = f"{len(proven)} of {len(facts)} ({len(proven) * 100 // len(facts)} %)" if facts else "none"
        by_kind = [str(sum(any(proof.kind is kind for proof in one.proofs) for one in proven)) for kind in Kind]
        by_mark = [str(sum(binding.mark is mark for binding in bindings)) for mark in Mark]
        rows.append([_title(context, page), share, *by_kind, *by_mark])
    head = ["Page", "Facts with a proof", *(f"By {kind}" for kind in Kind), *(mark.title() for mark in Mark)]
    return table(head, rows)


def _mark(context: Context, binding: Binding) -> str:
    """A mark that opens the proofs of a sentence, or a warning if a proof does not hold or is stale.

    Only the first edition needs a result: in another one, a sentence that was not run has no mark.
    """
    assert context.site.prose is not None
    verdict = context.site.prose.of(binding)
    if not verdict.proves:
        return _shouted(context, binding, verdict)
    card = ["<b>Proven by</b>"]
    card += [_linked(context, proof, str(proof)) for proof in binding.proofs]
    if context.site.proofs_page:
        link = f"{context.site.proofs_page}#{context.site.anchors[binding.sentence]}"
        card.append(f"<em>[In the list of proofs]({link})</em>")
    return mark(context, "", card)


def _shouted(context: Context, binding: Binding, verdict: Verdict) -> str:
    if context.edition == context.proof.spec.config.first_edition:
        warn_of_prose(binding, verdict)
        if verdict.waits:
            return ' <span class="spec-waiting" role="img" aria-label="not run yet" title="not run yet">○</span>'
        return f' <strong class="spec-unproven">Not proven: {literal(why(verdict))}</strong>'
    if verdict.kind in (Verdicts.NOT_RUN, Verdicts.NOT_ON_SURFACE):
        return ""
    issues = context.issues(_scenarios(context, binding))
    what = context.issue_link(issues[0], "Not proven here") if issues else f"Not proven here: {literal(why(verdict))}"
    return f' <strong class="spec-doubt">{what}</strong>'


def _scenarios(context: Context, binding: Binding) -> Iterator[Scenario]:
    spec = context.proof.spec
    for proof in binding.proofs:
        if proof.kind is Kind.RULE:
            yield from spec.rule(proof.id).scenarios
        elif proof.kind is Kind.SCENARIO:
            yield spec.scenario(proof.id)


def _inserted(line: str, marks: Sequence[tuple[int, str]]) -> str:
    for column, text in sorted(marks, reverse=True):
        line = line[:column] + text + line[column:]
    return line


def _linked(context: Context, proof: Reference, text: str) -> str:
    """`text` as a link to the rule or scenario; as it is for a test."""
    spec = context.proof.spec
    if proof.kind is Kind.RULE:
        return context.link(spec.rule(proof.id), text)
    return context.scenario_link(spec.scenario(proof.id), text) if proof.kind is Kind.SCENARIO else text


def _shown(context: Context, proof: Reference) -> str:
    assert context.site.prose is not None
    text = _linked(context, proof, literal(str(proof)))
    if proof.kind is Kind.TEST:
        names = [test.name for test in context.site.prose.tests.get(proof.id, ())]
        text += "".join(f'<br><code class="spec-test">{literal(name)}</code>' for name in names)
    return f"{text} {result(context.site.prose.verdict(proof))}"


def _title(context: Context, page: Path) -> str:
    pages = context.proof.spec.config.pages
    name = authored(page_title(page))
    return f"[{name}](/{page.relative_to(pages).as_posix()})" if page.is_relative_to(pages) else name
