"""Digests of keys, tokens and sign-in links. The secrets themselves are never stored."""

from hashlib import sha256


def secret_digest(secret: str) -> str:
    """Return the SHA-256 of a secret. Secrets are long and random, so they need no salt."""
    return sha256(secret.encode()).hexdigest()
