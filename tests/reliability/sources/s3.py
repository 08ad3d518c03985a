"""Putting objects into an S3 server as the tests need them, keys and all."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import httpx

PAGE = 10  # objects that the server lists at once; usual servers list 1,000
_SIGNED = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@dataclass(frozen=True)
class S3:
    """moto's server, which believes any signature."""

    client: httpx.Client

    def make_bucket(self, name: str, objects: dict[str, bytes] | None = None) -> None:
        """A bucket with these objects, by key."""
        self._ask("PUT", f"/{name}")
        for key, content in (objects or {}).items():
            self.put(name, key, content)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """One object, new or changed."""
        self._ask("PUT", f"/{bucket}/{_quoted(key)}", content)

    def delete(self, bucket: str, key: str) -> None:
        """One object less."""
        self._ask("DELETE", f"/{bucket}/{_quoted(key)}")

    def reset(self) -> None:
        """Nothing is in it."""
        self._ask("POST", "/moto-api/reset")

    def require_credentials(self) -> None:
        """From now on no request is taken without credentials that the server knows, and it knows none."""
        self._ask("POST", "/moto-api/reset-auth", b"0")

    def take_any_credentials(self) -> None:
        """As it is at first."""
        self._ask("POST", "/moto-api/reset-auth", b"inf")

    def _ask(self, method: str, path: str, content: bytes = b"") -> None:
        # moto checks no signature, but lets nobody without one change an object.
        headers = {"Content-Type": "application/octet-stream", "Authorization": _SIGNED}
        self.client.request(method, path, content=content, headers=headers).raise_for_status()


def _quoted(key: str) -> str:
    # A dot as it is would be taken for a way through the folders by what sends the request.
    return "/".join(part.replace(".", "%2E") if part in (".", "..") else quote(part) for part in key.split("/"))
