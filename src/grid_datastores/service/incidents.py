"""Ids of unexpected errors: a user sees the id alone, and the operator finds it in the log."""

from __future__ import annotations

from secrets import token_hex


def new_incident(error: BaseException) -> str:
    """Return a new id for the error, and add it to the error, so that it stands below the traceback in the log."""
    incident = token_hex(4)
    error.add_note(f"Incident {incident}")
    return incident
