"""How keys, tokens and sign-in links are stored: as digests, never as they are."""

from hashlib import sha256


def secret_digest(secret: str) -> str:
    """What is kept of a secret; one that is long and random needs no salt."""
    return sha256(secret.encode()).hexdigest()
