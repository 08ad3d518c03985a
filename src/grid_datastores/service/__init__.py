"""The service: the use cases. The only place where catalog, storage and rules meet."""

from grid_datastores.service.context import Context
from grid_datastores.service.service import Service, open_service

__all__ = ["Context", "Service", "open_service"]
