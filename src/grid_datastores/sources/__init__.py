"""The sources of a version's data. `sources.remote` fetches for the server; the CLI never loads it."""

from grid_datastores.sources.local import LocalFile, LocalSource, scan
from grid_datastores.sources.parse import parse_source

__all__ = ["LocalFile", "LocalSource", "parse_source", "scan"]
