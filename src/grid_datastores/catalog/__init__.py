"""The catalog: what is known of versions, users and workloads (SQLAlchemy Core)."""

from grid_datastores.catalog.database import Catalog, Transaction
from grid_datastores.catalog.versions import Upload

__all__ = ["Catalog", "Transaction", "Upload"]
