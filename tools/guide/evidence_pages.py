"""Pages of their own for the evidence of each scenario: folded away, it is nine tenths of a page of the spec.

A fold keeps a link to its page. `evidence.js` puts that page's contents into the fold when a reader opens it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape, unescape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = "evidence"

_FOLD = re.compile(r"<details\b([^>]*)>|</details>")
_EVIDENCE = re.compile(r'\bclass="spec-evidence"')
_SUMMARY = re.compile(r"\s*<summary>.*?</summary>", re.DOTALL)
_HEADING = re.compile(r'<h4\b[^>]*\bid="scenario-([\w-]+)"[^>]*>(.*?)(?:<a class="headerlink"|</h4>)', re.DOTALL)
_RELATIVE = re.compile(r'\b(src|href)="(?![a-z]+:|/)')
_SHEET = re.compile(r'<link rel="stylesheet" href="(?![a-z]+:|/)[^"]*">')
_ROOT = re.compile(r'href="((?:\.\./)+)')
_TAG = re.compile(r"<[^>]*>")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="description" content="What the run recorded of the scenario {name}.">
<meta name="robots" content="noindex">
<title>Evidence: {name}</title>
{sheets}
</head>
<body data-md-color-scheme="default" data-md-color-primary="custom" data-md-color-accent="custom">
<script>
const {{ color }} = JSON.parse(localStorage.getItem(new URL("{root}", location).pathname + ".__palette")) ?? {{}};
const chosen = color && color.media !== "(prefers-color-scheme)" ? color.scheme : null;
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
document.body.dataset.mdColorScheme = chosen ?? (dark ? "slate" : "default");
</script>
<main class="md-grid spec-evidence-page">
<article class="md-content__inner md-typeset">
<h1>Evidence: {name}</h1>
<p><a href="../../#scenario-{id}">The scenario and its results</a></p>
<div class="spec-recorded">{evidence}</div>
</article>
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class EvidencePage:
    """The page with the evidence of a scenario, in the folder of its id below the page of the spec."""

    id: str
    text: str

    @property
    def path(self) -> str:
        """Its file, counted from the page of the spec."""
        return f"{FOLDER}/{self.id}/index.html"


def cut_out(page: str) -> tuple[str, Sequence[EvidencePage]]:
    """The page with a link in each fold of evidence, and the pages that these links lead to."""
    sheets = deeper("\n".join(_SHEET.findall(page)), 2)
    root = _ROOT.search(sheets)
    kept, cut, pages = [], 0, []
    for start, end in _folds(page):
        *_, heading = _HEADING.finditer(page, 0, start)
        id_, name = heading[1], " ".join(unescape(_TAG.sub("", heading[2])).split())
        evidence = deeper(page[start:end], 2)
        text = _PAGE.format(id=id_, name=escape(name), sheets=sheets, root=root[1] if root else "/", evidence=evidence)
        pages.append(EvidencePage(id_, text))
        link = f'<p><a href="{FOLDER}/{id_}/">Evidence of this scenario</a></p>'
        kept += [page[cut:start], link]
        cut = end
    return "".join([*kept, page[cut:]]), pages


def _folds(page: str) -> Iterator[tuple[int, int]]:
    """Where the contents of each outermost fold of evidence begin and end, below its summary."""
    depth, start = 0, None
    for fold in _FOLD.finditer(page):
        if fold[1] is None:
            depth -= 1
            if depth == 0 and start is not None:
                yield start, fold.start()
                start = None
        else:
            summary = _SUMMARY.match(page, fold.end())
            if depth == 0 and summary and _EVIDENCE.search(fold[1]):
                start = summary.end()
            depth += 1


def deeper(html: str, folders: int) -> str:
    """The same links and pictures, from a page that many folders further down."""
    return _RELATIVE.sub(lambda match: f'{match[1]}="{"../" * folders}', html)
