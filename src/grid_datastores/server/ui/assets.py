"""The static files of the pages. A changed file has a changed address, so that browsers may store it for a year."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    import os

    from starlette.responses import Response
    from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
_FIRST = ("base.css", "frame.css", "parts.css", "tables.css")  # what the styles of single pages build on
_LAST = "last.css"
_KEEP = "public, max-age=31536000, immutable"  # a year, the longest that is usual
_ASK_AGAIN = "no-cache"


def _styles() -> tuple[str, ...]:
    """Return the names of all styles, in the order in which pages load them."""
    found = {path.name for path in FOLDER.glob("*.css")}
    return (*_FIRST, *sorted(found - {*_FIRST, _LAST}), _LAST)


STYLES = _styles()


class Assets(StaticFiles):
    """Serves the static files."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Return the file. At an address of another release, browsers must ask for it each time."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v", [])
        response.headers["Cache-Control"] = _KEEP if asked == [_fingerprint(Path(full_path))] else _ASK_AGAIN
        return response


def asset_path(name: str) -> str:
    """Return the path of a static file, with a fingerprint of its content."""
    return f"/static/{name}?v={_fingerprint(FOLDER / name)}"


@cache
def _fingerprint(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12]
