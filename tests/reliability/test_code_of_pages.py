"""The code in pages of the guide, run as it stands."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from living_spec.prose.sentences import sentences
from reliability.machine import Machine, folder_of

ROOT = Path(__file__).parents[2]


def _code(page: str) -> list[str]:
    """The blocks of code in a page, each in one line, without their fences."""
    lines = (ROOT / page).read_text("utf-8").splitlines()
    return [sentence.text.partition(" ")[2] for sentence in sentences(lines) if sentence.code]


@pytest.mark.proves("request-deletes-the-version", reads=["docs/guide/deleting-datastores.md"])
def test_the_request_of_the_page_deletes_the_version_with_its_id(connected: Machine) -> None:
    folder = folder_of(connected.home, {"a.csv": b"1"})
    assert [connected.create(folder) for _ in range(2)] == [1, 2]
    [code] = _code("docs/guide/deleting-datastores.md")
    method, path = code.split()
    assert connected.server
    version_id = connected.listing()[0]["id"]
    with httpx.Client(base_url=connected.server.url, auth=connected.user) as http:
        assert http.request(method, path.replace("ID", version_id)).is_success
    assert connected.phases() == [(2, "SUCCEEDED")]
