"""Where a version's data comes from."""

from grid_datastores.sources.local import LocalFile, LocalSource, scan

__all__ = ["LocalFile", "LocalSource", "scan"]
