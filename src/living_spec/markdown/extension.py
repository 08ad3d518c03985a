"""The extension of Python-Markdown: replaces the blocks of a page by Markdown."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from markdown import Extension  # type: ignore[import-untyped]
from markdown.preprocessors import Preprocessor  # type: ignore[import-untyped]

from living_spec.config import SpecError, find_config, read_config, unknown
from living_spec.markdown import coverage, glance, known, overview, prose, records, rules, terminal
from living_spec.markdown.context import Context
from living_spec.markdown.markup import indent
from living_spec.pages import feature_pages, find_blocks, page_with
from living_spec.store import read_proof

if TYPE_CHECKING:
    from markdown import Markdown

    from living_spec.config import Config
    from living_spec.markdown.markup import Lines
    from living_spec.pages import Block

_BLOCKS = {
    "rule": rules.rule,
    "scenario": rules.scenario,
    "feature": rules.feature,
    "transcript": records.transcript,
    "exchange": records.exchange,
    "screenshot": records.screenshot,
    "state": glance.state,
    "terminal": terminal.terminal,
    "coverage": coverage.coverage,
    "defects": coverage.defects,
    "known-issues": known.known_issues,
    "known-issue": known.known_issue,
    "proofs": prose.proofs,
    "prose": prose.prose,
    "matrix": overview.matrix,
    "summary": overview.summary,
}

# After snippets (32), so that nothing in the evidence can include a file. Before the preprocessors that normalise
# white space (30) and remove fenced code (25).
_PRIORITY = 31.5


class LivingSpecExtension(Extension):  # type: ignore[misc]
    """Registers the preprocessor of blocks."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register the preprocessor."""
        md.preprocessors.register(_BlockPreprocessor(md), "living_spec", _PRIORITY)


class _BlockPreprocessor(Preprocessor):  # type: ignore[misc]
    def run(self, lines: list[str]) -> list[str]:
        """Replace the blocks of a page."""
        context = _context_of(find_config(Path.cwd()))
        lines = prose.marked(context, lines)
        blocks = {block.line: block for block in find_blocks(lines)}
        rendered: Lines = []
        for number, line in enumerate(lines):
            rendered += _rendered(context, blocks[number]) if number in blocks else [line]
        return rendered


def _rendered(context: Context, block: Block) -> Lines:
    if block.name not in _BLOCKS:
        raise SpecError(f"{block}: {unknown('block', block.name, sorted(_BLOCKS))}")
    try:
        lines = _BLOCKS[block.name](context, block)
    except SpecError as error:
        raise SpecError(f"{block}: {error}") from error
    return indent(["", *lines, ""], block.indent)


def _context_of(config: Config) -> Context:
    """The context; read again only after a file has changed, as MkDocs makes an extension for each page."""
    folders = (
        config.root / "pyproject.toml",
        config.features,
        config.pages,
        config.evidence,
        *config.digest,
        *((config.prose.bindings, *config.prose.tests) if config.prose else ()),
        *((config.prose.values,) if config.prose and config.prose.values else ()),
    )
    files = (path for top in folders for path in (top, *top.rglob("*")) if path.is_file())
    stats = ((str(path), path.stat()) for path in files)
    return _read(config.root, frozenset((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats))


@lru_cache(maxsize=1)
def _read(root: Path, stamp: frozenset[tuple[str, int, int]]) -> Context:  # noqa: ARG001 - the cache's key
    config = read_config(root)
    return Context(read_proof(config), feature_pages(config), page_with(config, "proofs"))
