"""The edition "shipped" has the bugs that its known issues list, and they are what their pages say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from acceptance import executables
from acceptance.server import ServerProcess
from reliability.ui.person import Person, stocked

PAGE = "/datastores/data/versions/2"


@pytest.fixture
def cleo(tmp_path: Path) -> Iterator[Person]:
    """Somebody with versions 1, 2 and 3 of `data`, at a server of that edition."""
    folder = tmp_path / "cleo"
    folder.mkdir()
    grid = executables.edition("shipped", folder)
    assert grid
    server = ServerProcess(grid, folder)
    server.start()
    try:
        with closing(stocked(server, folder)) as person:
            yield person
    finally:
        server.kill()


@pytest.mark.proves("shipped-ui-deletes-every-version")
def test_its_delete_button_deletes_every_version_of_the_name(cleo: Person, tmp_path: Path) -> None:
    assert cleo.api.upload("birds", tmp_path / "cleo" / "stock").done
    assert cleo.press(f"{PAGE}/delete").status_code == 303
    assert cleo.api.listed("data") == []
    assert [number for number, _phase in cleo.api.listed("birds")] == [1]


@pytest.mark.proves("shipped-ui-has-no-details")
def test_its_page_of_a_version_says_neither_source_nor_fingerprint(cleo: Person, ana: Person) -> None:
    labels = ("Source", "Fingerprint")
    for person, shown in ((ana, [1, 1]), (cleo, [0, 0])):
        page = person.http.get(PAGE).text
        assert [page.count(f"<dt>{label}</dt>") for label in labels] == shown
        assert "Version 2" in page
