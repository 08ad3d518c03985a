"""What a machine has acknowledged so far, and whether it still holds after a kill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trust.attack import Figures

Ref = tuple[str, int]
Files = Mapping[str, bytes]
AVAILABLE = "SUCCEEDED"
LOST, RESURRECTED, TWICE, ORPHANED, INCOMPLETE = (
    "acknowledged but lost",
    "deleted but back",
    "numbers used twice",
    "bytes left after removal",
    "available but not whole",
)
NEVER = (LOST, RESURRECTED, TWICE, ORPHANED, INCOMPLETE)


@dataclass(frozen=True)
class Seen:
    """A version that is listed."""

    id: str
    phase: str


@dataclass
class Acknowledged:
    """The versions that commands or answers have acknowledged, by name and number, with their files."""

    figures: Figures
    versions: dict[Ref, Files] = field(default_factory=dict)
    deleted: set[Ref] = field(default_factory=set)
    unfinished: dict[Ref, Files] = field(default_factory=dict)  # killed uploads
    ids: dict[Ref, str] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)

    def created(self, ref: Ref, files: Files) -> None:
        """A create was acknowledged."""
        self._number(ref)
        self.versions[ref] = files
        self.unfinished.pop(ref, None)

    def gone(self, ref: Ref) -> None:
        """A delete was acknowledged."""
        self.versions.pop(ref, None)
        self.unfinished.pop(ref, None)
        self.deleted.add(ref)

    def compare(
        self,
        listed: Mapping[Ref, Seen],
        read: Callable[[Ref, Seen], Files],
        why: str,
        creating: tuple[str, Files] | None = None,
        deleting: Ref | None = None,
    ) -> None:
        """Compare all that was acknowledged with what is listed after the kill of this create or delete."""
        if deleting and deleting not in listed:
            self.gone(deleting)
        for ref, seen in listed.items():
            if ref not in self.versions and ref not in self.unfinished and ref not in self.deleted:
                self._adopt(ref, seen, creating, why)
            if self.ids.setdefault(ref, seen.id) != seen.id:
                self.figures.fault(TWICE, f"{ref} is another version than before, {why}")
            if ref in self.unfinished and seen.phase == AVAILABLE:
                self.versions[ref] = self.unfinished.pop(ref)
        for ref in sorted(self.deleted & set(listed)):
            self.figures.fault(RESURRECTED, f"{ref} is listed again, {why}")
        for ref, files in self.versions.items():
            if ref not in listed or listed[ref].phase != AVAILABLE:
                self.figures.fault(LOST, f"{ref} is {listed.get(ref)}, {why}")
            elif read(ref, listed[ref]) != files:
                self.figures.fault(INCOMPLETE, f"{ref} has other files than were uploaded, {why}")
        for ref in set(self.unfinished) - set(listed):
            self.gone(ref)

    def _adopt(self, ref: Ref, seen: Seen, creating: tuple[str, Files] | None, why: str) -> None:
        if creating is None or creating[0] != ref[0]:
            self.figures.fault(TWICE, f"{ref} is listed, but nobody created it, {why}")
            return
        self._number(ref)
        self.unfinished[ref] = creating[1]

    def _number(self, ref: Ref) -> None:
        name, number = ref
        if ref not in self.versions and ref not in self.unfinished and number <= self.highest.get(name, 0):
            self.figures.fault(TWICE, f"{name} got number {number} after {self.highest[name]}")
        self.highest[name] = max(number, self.highest.get(name, 0))
