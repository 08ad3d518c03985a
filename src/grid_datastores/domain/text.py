"""How sizes, counts and errors of the operating system are written: the same on every surface."""

from __future__ import annotations

# After a deletion of a version that a Run has used (rule delete-removes-bytes).
COPIES = (
    "A Run has used it. A copy on another machine is erased by the next grid command there"
    " that works on these datastores."
)


def size(count: int) -> str:
    """A size in bytes as people read it, in decimal units."""
    if count < 1000:
        return counted(count, "byte")
    amount = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.95 or unit == "TB":
            break
    return f"{amount:.1f} {unit}"


def counted(count: int, thing: str) -> str:
    """A count with its noun."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def plain(text: str) -> str:
    """The text with its control characters made visible, also those that turn the direction of what follows."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def os_reason(error: OSError) -> str:
    """Why the operating system refused, as part of a sentence: "no such file or directory"."""
    return (error.strerror or str(error)).lower()


def os_sentence(error: OSError) -> str:
    """The same as a sentence, with the path that it is about: "No such file or directory: PATH."."""
    reason = os_reason(error)
    where = f": {error.filename}" if error.filename else ""
    return f"{reason[:1].upper()}{reason[1:]}{where}."
