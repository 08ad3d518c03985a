"""`Datastores` over HTTP, on any server that speaks Grid's v1 API."""

import sys

# Where click and rich are there, httpx loads a command of its own with them, which takes as long as all the rest of it.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

from grid_datastores.client.datastores import HttpDatastores, sign_in  # noqa: E402 - httpx comes after that

__all__ = ["HttpDatastores", "sign_in"]
