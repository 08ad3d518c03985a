"""`Datastores` over HTTP, on any server that speaks Grid's v1 API."""

from grid_datastores.client.datastores import HttpDatastores, sign_in

__all__ = ["HttpDatastores", "sign_in"]
