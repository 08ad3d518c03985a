"""Time for tests that do not wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock that goes when it is told."""

    now = datetime(2026, 1, 1, tzinfo=UTC)
    expiry = 100  # seconds after which an upload that nobody goes on with is dropped

    def __call__(self) -> datetime:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
