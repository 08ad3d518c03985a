"""The catalog: the metadata of versions, users and workloads (SQLAlchemy Core)."""

from grid_datastores.catalog.database import Catalog, Transaction

__all__ = ["Catalog", "Transaction"]
