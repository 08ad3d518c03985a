"""Which buckets the users of a server may read: its own credentials may see more than its users should."""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(r"((?P<user>[a-z0-9_-]+):)?(?P<bucket>[a-z0-9.*-]+)(/((?P<folder>[^/*]+(/[^/*]+)*)/?)?)?")


class AllowedBucket(NamedTuple):
    """Buckets that one user may read, or everybody if `user` is empty: a folder, or all if `folder` is empty.

    Each `*` in the name of the bucket stands for any characters.
    """

    user: str
    bucket: str
    folder: str

    def allows(self, user: str, bucket: str, prefix: str) -> bool:
        """Return whether the user may read this prefix of the bucket."""
        name = ".*".join(map(re.escape, self.bucket.split("*")))
        inside = not self.folder or prefix == self.folder or prefix.startswith(f"{self.folder}/")
        return self.user in ("", user) and bool(re.fullmatch(name, bucket)) and inside


ANY_BUCKET = AllowedBucket("", "*", "")


def parse_allowed_bucket(entry: str) -> AllowedBucket | None:
    """Return the meaning of `[USER:]BUCKET[/FOLDER]`, or None for text of another form."""
    found = _FORM.fullmatch(entry)
    return AllowedBucket(found["user"] or "", found["bucket"], found["folder"] or "") if found else None
