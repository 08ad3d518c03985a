"""Build the site with ProperDocs and Zensical, too, and compare what is on the pages: `make builders`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from lxml import html

ROOT = Path(__file__).parents[1]
BUILDERS = {
    "properdocs": ["-m", "properdocs", "build", "--quiet", "--site-dir"],
    "zensical": ["-m", "zensical", "build", "--config-file"],
}
# What a hook of MkDocs moves to pages of their own.
_KEPT = "[not(ancestor::details[@class='spec-evidence'])]"
# What a builder that left something out without a word would have fewer of.
_COUNTED = (
    "//article//h1",
    "//article//h3",
    "//p[contains(@class, 'spec-rule')]",
    "//span[contains(@class, 'spec-result')]",
    f"//article//pre{_KEPT}",
    "//article//table",
    "//article//*[local-name()='svg'][@role='img']",
    "//article//div[contains(@class, 'admonition')]",
    f"//article//details{_KEPT}",
    f"//article//img{_KEPT}",
)


def main() -> int:
    """1 when a page of another builder has not what that of MkDocs has."""
    known = _pages(ROOT / "site")
    wrong = 0
    for name in BUILDERS:
        found = _pages(_built(name))
        for path, counts in known.items():
            if found.get(path) != counts:
                wrong += 1
                print(f"{name}: {path}: {found.get(path)} of {dict(zip(_COUNTED, counts, strict=True))}")
        print(f"{name}: {len(found)} pages, {len(known)} of MkDocs")
    return 1 if wrong else 0


def _built(name: str) -> Path:
    """The folder of the site that this builder made; Zensical takes it from the configuration only."""
    target = ROOT / "build" / "builders" / name
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    argument = str(target)
    if name == "zensical":
        config = ROOT / "mkdocs.zensical.yml"
        text = (ROOT / "mkdocs.yml").read_text("utf-8")
        config.write_text(f"{text}\nsite_dir: {target.relative_to(ROOT).as_posix()}\n", "utf-8")
        argument = str(config)
    try:
        subprocess.run([sys.executable, *BUILDERS[name], argument], cwd=ROOT, check=True)  # noqa: S603
    finally:
        (ROOT / "mkdocs.zensical.yml").unlink(missing_ok=True)
    return target


def _pages(folder: Path) -> dict[str, tuple[int, ...]]:
    parser = html.HTMLParser(encoding="utf-8")
    pages = {}
    for path in sorted(set(folder.rglob("index.html")) - set(folder.rglob("evidence/**/index.html"))):
        if path.is_relative_to(folder / "editions"):
            continue  # of builds of their own
        document = html.parse(str(path), parser).getroot()
        if "data-moved" in document.attrib:  # a hook of MkDocs makes these
            continue
        pages[path.relative_to(folder).as_posix()] = tuple(len(document.xpath(query)) for query in _COUNTED)
    return pages


if __name__ == "__main__":
    sys.exit(main())
