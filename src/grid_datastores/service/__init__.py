"""The service room: the use cases, which bring catalog, storage and rules together."""

from grid_datastores.service.context import Context
from grid_datastores.service.service import Service, open_service

__all__ = ["Context", "Service", "open_service"]
