"""Where a version's data comes from. What the server fetches is in `sources.remote`, which the CLI never loads."""

from grid_datastores.sources.local import LocalFile, LocalSource, scan
from grid_datastores.sources.parse import parse_source

__all__ = ["LocalFile", "LocalSource", "parse_source", "scan"]
