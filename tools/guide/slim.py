"""Make the built site lighter: leave out of Material's stylesheets what no page uses, and white space out of pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# A piece that can hold a brace, a comma or a semicolon which separates nothing, or a single character.
_PIECE = re.compile(r"""/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|url\([^'")]*\)|\\.|.""", re.DOTALL)
_WORD = re.compile(r"[\w-]+")
_CLASS = re.compile(r"\.((?:[\w-]|\\.)+)")
_VALUE = re.compile(r"""\[[\w-]+="?([^\]"]*)"?\]""")
_FUNCTION = re.compile(r":(?:not|is|where|has|host)\((?:[^()]|\([^()]*\))*\)")  # its parts need not be on a page
_CLASSES_OF_PAGE = re.compile(r'\sclass=(?:"([^"]*)"|([^\s">]+))')
_VALUES_OF_PAGE = re.compile(r'\s[\w-]+="([^"]*)"')
_DECLARED = re.compile(r"\s*(--[\w-]+)\s*:")
_REFERRED = re.compile(r"var\(\s*(--[\w-]+)")
_NESTED = ("@media", "@supports")
# The script of the theme also knows these parts, which this site has switched off.
_SWITCHED_OFF = re.compile(
    r"(md-(annotation|author|consent|feedback|path|post|progress|source|status|tabs|tag|tooltip2?|top|version)"
    r"|mermaid|rtl)(?![a-z0-9])"
)
# The guides for other editions have these; they are built aside and use the style sheets of the site.
_OF_OTHER_EDITIONS = frozenset({"md-banner", "md-banner__inner"})
_TAB = re.compile(r"(?:^|[>~+ ])\S*:nth-child\((\d+)\)")
_MOST_TABS = 6
_VERBATIM = re.compile(r"(<(pre|script|style|textarea)\b.*?</\2>)", re.DOTALL)
_BLANK = re.compile(r'<span class="w">([^<]*)</span>')  # white space in code, which has no colour
_MARK_OF_THE_INDEX = re.compile(r' data-search-exclude(?:="")?(?=[ >])')
_REFERENCE = re.compile(r"&#(\d+);")
_MARKUP = "<>&\"'"


@dataclass(frozen=True)
class Used:
    """The classes and values of attributes on the pages, and the words of the scripts, which can add any of them."""

    classes: frozenset[str]
    values: frozenset[str]
    scripts: frozenset[str]

    def fits(self, selector: str) -> bool:
        """Whether there can be an element for a selector."""
        plain = _FUNCTION.sub("", selector)
        classes = {name.replace("\\", "") for name in _CLASS.findall(plain)}
        values = {value for value in _VALUE.findall(plain) if value}
        return (
            all(name in self.classes or self._added(name) for name in classes)
            and values <= self.values | self.scripts
            and all(int(number) <= _MOST_TABS for number in _TAB.findall(plain))
        )

    def _added(self, name: str) -> bool:
        """Whether a script knows the class, or its beginning, to which it adds a word such as "next"."""
        begin, modifier, _ = name.rpartition("--")
        return name in self.scripts or bool(modifier and f"{begin}--" in self.scripts)


def used_on(folder: Path) -> Used:
    """Read the pages and scripts of a site."""
    pages = [path.read_text("utf-8") for path in folder.rglob("*.html")]
    scripts = [path.read_text("utf-8") for path in folder.glob("assets/**/*.js") if "lunr" not in path.parts]
    classes = {name for page in pages for found in _CLASSES_OF_PAGE.findall(page) for name in "".join(found).split()}
    values = {value for page in pages for value in _VALUES_OF_PAGE.findall(page)}
    words = {word for script in scripts for word in _WORD.findall(script) if not _SWITCHED_OFF.match(word)}
    return Used(frozenset(classes) | _OF_OTHER_EDITIONS, frozenset(values), frozenset(words))


def slim_site(folder: Path) -> None:
    """Rewrite the stylesheets of the theme in a built site."""
    used = used_on(folder)
    sheets = {path: slim(path.read_text("utf-8"), used) for path in folder.glob("assets/stylesheets/*.css")}
    others = [path.read_text("utf-8") for path in (*folder.glob("assets/*.css"), *folder.rglob("*.html"))]
    for path, css in sheets.items():
        path.write_text(without_properties(css, [*sheets.values(), *others]), "utf-8")


def tight(page: str) -> str:
    """The same page without white space between its lines, and with characters in the place of references to them."""
    pieces = _VERBATIM.split(page)
    pieces[::3] = [re.sub(r"\s*\n\s*", "\n", piece) for piece in pieces[::3]]
    pieces[2::3] = [""] * len(pieces[2::3])  # the names of the elements, which `split` returns, too
    shorter = _MARK_OF_THE_INDEX.sub("", _BLANK.sub(r"\1", "".join(pieces)))
    return _REFERENCE.sub(_character, shorter)


def slim(css: str, used: Used) -> str:
    """The stylesheet without the rules for elements that no page has."""
    return "".join(_kept(css, used))


def without_properties(css: str, referring: Iterable[str]) -> str:
    """The stylesheet without custom properties to which none of these texts refers."""
    known = {name for text in referring for name in _REFERRED.findall(text)}
    parts = []
    for prelude, body in _rules(css):
        if body is not None and not prelude.lstrip().startswith("@"):
            body = ";".join(one for one in _split(body, ";") if not (m := _DECLARED.match(one)) or m[1] in known)
        parts.append(prelude if body is None else f"{prelude}{{{body}}}")
    return "".join(parts)


def _character(reference: re.Match[str]) -> str:
    character = chr(int(reference[1]))
    return reference[0] if character in _MARKUP or not character.isprintable() else character


def _kept(css: str, used: Used) -> Iterator[str]:
    for prelude, body in _rules(css):
        if body is None:
            yield prelude
        elif prelude.startswith(_NESTED):
            if inner := "".join(_kept(body, used)):
                yield f"{prelude}{{{inner}}}"
        elif prelude.startswith("@"):
            yield f"{prelude}{{{body}}}"
        elif selectors := [one for one in _split(prelude, ",") if used.fits(one)]:
            yield f"{','.join(selectors)}{{{body}}}"


def _rules(css: str) -> Iterator[tuple[str, str | None]]:
    """The prelude and the body of each rule; the body is None for an at-rule that has none, such as @charset."""
    depth, start, opened = 0, 0, 0
    for match in _PIECE.finditer(css):
        if match[0] == "{":
            opened = match.end() if depth == 0 else opened
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                yield css[start : opened - 1].strip(), css[opened : match.start()]
                start = match.end()
        elif depth == 0 and (match[0] == ";" or match[0].startswith("/*")):
            yield css[start : match.end()], None
            start = match.end()


def _split(text: str, mark: str) -> list[str]:
    """The parts of a text between marks, without those in parentheses and strings."""
    depth, start, parts = 0, 0, []
    for match in _PIECE.finditer(text):
        depth += (match[0] == "(") - (match[0] == ")")
        if match[0] == mark and depth == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]
