"""The extension of Python-Markdown: replaces the blocks of a page by Markdown."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from markdown import Extension  # type: ignore[import-untyped]
from markdown.preprocessors import Preprocessor  # type: ignore[import-untyped]

from living_spec.config import SpecError, find_config, read_config, unknown
from living_spec.markdown import coverage, glance, known, overview, prose, records, rules, terminal
from living_spec.markdown.context import Context
from living_spec.markdown.markup import indent
from living_spec.markdown.site import Site
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

# The edition whose guide the site is: the id of an edition. Without it, the first one.
EDITION = "LIVING_SPEC_EDITION"

# After snippets (32), so that nothing in the evidence can include a file. Before the preprocessors that normalise
# white space (30) and remove fenced code (25). Before everything, the text of the page is as it was written.
_PRIORITY = 31.5
_BEFORE_ALL = 1000


class LivingSpecExtension(Extension):  # type: ignore[misc]
    """Registers the preprocessors."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Register a preprocessor that sees the page as it was written, and the one of the blocks."""
        written = _Written(md)
        md.preprocessors.register(written, "living_spec_written", _BEFORE_ALL)
        md.preprocessors.register(_BlockPreprocessor(md, written), "living_spec", _PRIORITY)


class _Written(Preprocessor):  # type: ignore[misc]
    text = ""

    def run(self, lines: list[str]) -> list[str]:
        """Remember the text of the page, and change nothing."""
        self.text = "\n".join(lines)
        return lines


class _BlockPreprocessor(Preprocessor):  # type: ignore[misc]
    def __init__(self, md: Markdown, written: _Written) -> None:
        super().__init__(md)
        self._written = written

    def run(self, lines: list[str]) -> list[str]:
        """Replace the blocks of a page."""
        site = _site_of(find_config(Path.cwd()), os.environ.get(EDITION))
        context = Context(site, site.page(self._written.text))
        if _built_once(context) and not any(block.name == "proofs" for block in find_blocks(lines)):
            return []
        lines = prose.marked(context, lines)
        blocks = {block.line: block for block in find_blocks(lines)}
        rendered: Lines = []
        for number, line in enumerate(lines):
            rendered += _rendered(context, blocks[number]) if number in blocks else [line]
        return rendered


def _built_once(context: Context) -> bool:
    """Whether the page belongs to the spec, which speaks of all editions, and another edition is built.

    Only the page of proofs is built again: sites may split it up, and sentences of the guide lead there.
    """
    return not context.in_guide and context.edition != context.proof.spec.config.first_edition


def _rendered(context: Context, block: Block) -> Lines:
    if block.name not in _BLOCKS:
        raise SpecError(f"{block}: {unknown('block', block.name, sorted(_BLOCKS))}")
    try:
        lines = _BLOCKS[block.name](context, block)
    except SpecError as error:
        raise SpecError(f"{block}: {error}") from error
    if not block.marker:
        return indent(["", *lines, ""], block.indent)
    while lines and not lines[-1]:
        lines.pop()
    return indent([block.marker + lines[0], *indent(lines[1:])], block.indent)


def _site_of(config: Config, edition: str | None) -> Site:
    """The site; read again only after a file has changed, as MkDocs makes an extension for each page."""
    if edition and edition not in config.editions:
        raise SpecError(f"{EDITION}: {unknown('edition', edition, config.editions)}")
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
    stamp = frozenset((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)
    return _read(config.root, edition or config.first_edition, stamp)


@lru_cache(maxsize=1)
def _read(root: Path, edition: str, stamp: frozenset[tuple[str, int, int]]) -> Site:  # noqa: ARG001 - the cache's key
    config = read_config(root)
    return Site(read_proof(config), edition, feature_pages(config), page_with(config, "proofs"))
