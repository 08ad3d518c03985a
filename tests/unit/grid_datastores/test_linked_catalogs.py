"""A catalog whose path is a link. SQLite keeps the log next to the file itself."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from grid_datastores.catalog.database import Catalog
from grid_datastores.domain.model import User


def test_a_reader_of_a_linked_catalog_sees_what_is_only_in_the_log(tmp_path: Path) -> None:
    link, file = tmp_path / "catalog.sqlite", tmp_path / "elsewhere" / "file.sqlite"
    file.parent.mkdir()
    link.symlink_to(file)
    with closing(Catalog(link)) as catalog:
        with catalog.write() as tx:
            tx.users.add(User("1", "ana"), "key", datetime.now(UTC))
        with closing(Catalog(link, read_only=True)) as reader, reader.read() as tx:
            assert [user.name for user in tx.users.all()] == ["ana"]
    assert {path.name for path in tmp_path.iterdir()} == {"catalog.sqlite", "elsewhere"}, "the disk of the file counts"
