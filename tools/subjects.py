"""Check that subjects of commits have at most 72 characters.

    python tools/subjects.py --file PATH      a message that is being written: git's commit-msg hook
    python tools/subjects.py RANGE            commits, for example main..HEAD

Exit code 1 if a subject is too long or empty; each is printed. Only the standard library is imported.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MAX_CHARACTERS = 72


def problem(subject: str) -> str | None:
    """What is wrong with a subject, in words; None if nothing is."""
    if not subject.strip():
        return "The commit message has no subject."
    if len(subject) > MAX_CHARACTERS:
        return f"The subject has {len(subject)} characters; at most {MAX_CHARACTERS} are allowed: {subject}"
    return None


def subject_of(message: str) -> str:
    """The first line of a message that is no comment, empty if there is none."""
    lines = (line for line in message.splitlines() if not line.startswith("#"))
    return next((line for line in lines if line.strip()), "")


def main(words: list[str]) -> int:
    """Check a file or a range of commits; returns an exit code."""
    match words:
        case ["--file", path]:
            subjects = [subject_of(Path(path).read_text("utf-8"))]
        case [commits]:
            log = ["git", "log", "--no-merges", "--format=%s", "--end-of-options", commits]
            done = subprocess.run(log, capture_output=True, text=True)  # noqa: S603 - git reads it as a range
            if done.returncode != 0:
                sys.stderr.write(done.stderr)
                return 2
            subjects = done.stdout.splitlines()
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    problems = [found for found in map(problem, subjects) if found]
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
