"""Formatting of sizes, counts, operating system errors and untrusted text, the same on all surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# After a deletion of a version that a Run has used (rule delete-removes-bytes).
COPIES = (
    "A Run has used it. A copy on another machine is erased by the next grid command there"
    " that works on these datastores."
)


def format_size(count: int) -> str:
    """Format a size in bytes with decimal units."""
    if count < 1000:
        return counted(count, "byte")
    amount = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.95 or unit == "TB":
            break
    return f"{amount:.1f} {unit}"


def counted(count: int, thing: str) -> str:
    """Return the count with its noun, in the singular or plural."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def escape_control(text: str) -> str:
    """Return the text with control characters escaped, including those that change the text direction."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def os_reason(error: OSError) -> str:
    """Return the reason of the error in lower case, as part of a sentence: "no such file or directory"."""
    return (error.strerror or str(error)).lower()


def os_sentence(error: OSError) -> str:
    """Return the error as a sentence, with its path: "No such file or directory: PATH."."""
    reason = os_reason(error)
    where = f": {error.filename}" if error.filename else ""
    return f"{reason[:1].upper()}{reason[1:]}{where}."


def format_utc(at: datetime) -> str:
    """Format a time in UTC, to the second."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
