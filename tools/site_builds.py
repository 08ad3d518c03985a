"""Builds the site, and beside it the guide for every other edition with evidence: `python -m site_builds`.

The guide of an edition is a build of its own, at the same time. Its pages then move into the site, below
`editions/ID/`; whatever else they need, they take from the site around them.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from living_spec.config import find_config
from living_spec.markdown.extension import EDITION
from living_spec.store import read_proof

if TYPE_CHECKING:
    from collections.abc import Collection

    from living_spec.config import Config

ROOT = Path(__file__).parents[1]
FOLDER = "editions"  # in the site
_ADDRESS = re.compile(r"""(?<=\s)(?P<name>href|src)=(?P<quote>["']?)(?P<address>[^"'\s>]*)(?P=quote)""")
_CONFIG = re.compile(r'"(?P<name>base|search)":\s*"(?P<address>[^"]*)"')


def main() -> int:
    """Build everything; return the exit code of the first build that fails, or 0."""
    config = find_config(ROOT)
    first, *others = _editions(config)
    guide = sorted(path.relative_to(config.pages).as_posix() for path in _guide(config))
    with ExitStack() as stack:
        site = _start(stack, config, first, [first, *others], guide, ROOT / "site")
        builds = {id_: _start(stack, config, id_, [first, *others], guide, _aside(id_)) for id_ in others}
        codes = [build.wait() for build in (site, *builds.values())]
    if not any(codes):
        for id_ in others:
            move(_aside(id_), ROOT / "site", id_, {_built(page) for page in guide})
    return next(filter(None, codes), 0)


def _editions(config: Config) -> list[str]:
    """The first edition, and those with evidence."""
    proof = read_proof(config)
    return [id_ for id_ in config.editions if proof.run_here(id_)]


def _guide(config: Config) -> list[Path]:
    return [path for path in config.pages.rglob("*.md") if config.guide.has(path)]


def _aside(id_: str) -> Path:
    return ROOT / "build" / FOLDER / id_


def _built(page: str) -> str:
    """The file that MkDocs makes of a page."""
    name = page.removesuffix(".md")
    return f"{name}.html" if posixpath.basename(name) == "index" else f"{name}/index.html"


def _start(
    stack: ExitStack, config: Config, id_: str, ids: list[str], guide: list[str], target: Path
) -> subprocess.Popen[bytes]:
    """Start to build an edition into the folder `target`. Only the first edition needs all its evidence."""
    file = ROOT / f"mkdocs.{id_}.yml"
    file.write_text(json.dumps(settings(config, id_, ids, guide)), "utf-8")
    stack.callback(file.unlink)
    strict = "--strict" if id_ == ids[0] else "--quiet"
    command = [sys.executable, "-m", "mkdocs", "build", strict, "--config-file", str(file), "--site-dir", str(target)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {EDITION: id_})  # noqa: S603


def settings(config: Config, id_: str, ids: list[str], guide: list[str]) -> dict[str, Any]:
    """The settings of a build besides mkdocs.yml: the editions, each with its path from the site's root."""
    if len(ids) == 1:
        return {"INHERIT": "mkdocs.yml"}
    up = "" if id_ == ids[0] else "../../"
    editions = [
        {
            "name": config.editions[one].name,
            "description": config.editions[one].description,
            "path": "" if one == id_ else up if one == ids[0] else f"{up}{FOLDER}/{one}/",
            "here": one == id_,
        }
        for one in ids
    ]
    extra: dict[str, Any] = {"editions": editions, "guide": guide}
    if not up:
        return {"INHERIT": "mkdocs.yml", "extra": extra}
    extra["edition"] = next(one for one in editions if one["here"])
    return {"INHERIT": "mkdocs.yml", "site_name": f"Grid Datastores, {config.editions[id_].name}", "extra": extra}


def move(built: Path, site: Path, id_: str, pages: Collection[str]) -> None:
    """Move the pages of the guide of an edition into the site; drop everything else of the build."""
    target = site / FOLDER / id_
    for page in sorted(pages):
        text = (built / page).read_text("utf-8")
        (target / page).parent.mkdir(parents=True, exist_ok=True)
        (target / page).write_text(rebased(text, page, id_, pages), "utf-8")
    shutil.rmtree(built)


def rebased(html: str, page: str, id_: str, pages: Collection[str]) -> str:
    """The page with addresses that lead to the site where the guide of the edition has no such page itself."""

    def attribute(match: re.Match[str]) -> str:
        address = _rebased(match["address"], page, id_, pages)
        return f"{match['name']}={match['quote']}{address}{match['quote']}"

    def setting(match: re.Match[str]) -> str:
        return f'"{match["name"]}": "{_rebased(match["address"], page, id_, ())}"'

    return _CONFIG.sub(setting, _ADDRESS.sub(attribute, html))


def _rebased(address: str, page: str, id_: str, pages: Collection[str]) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return address
    folder = posixpath.dirname(page)
    target = posixpath.normpath(posixpath.join(folder, parts.path))
    if target.startswith("..") or _file(target, parts.path) in pages:
        return address
    moved = posixpath.relpath(target, posixpath.join(FOLDER, id_, folder))
    slash = "/" if parts.path.endswith("/") else ""
    return parts._replace(path=f"{moved}{slash}").geturl()


def _file(target: str, path: str) -> str:
    """The file at the end of an address whose last part may be a folder."""
    folder = path.endswith(("/", ".."))
    return posixpath.normpath(f"{target}/index.html") if folder or target == "." else target


if __name__ == "__main__":
    sys.exit(main())
