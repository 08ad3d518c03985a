"""Time for tests that do not wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """A clock on the wall and a steady one, which go when they are told."""

    now = datetime(2026, 1, 1, tzinfo=UTC)
    expiry = 100  # seconds after which an upload that nobody goes on with is dropped

    steady = 1000.0  # seconds

    def __call__(self) -> datetime:
        return self.now

    def go(self, seconds: float) -> None:
        """Time passes."""
        self.steady += seconds
        self.jump(seconds)

    def jump(self, seconds: float) -> None:
        """The clock is set, or the machine slept."""
        self.now += timedelta(seconds=seconds)
