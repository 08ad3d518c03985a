"""Writes the parts of the guide that come from the software itself, into build/guide/: `python -m guide`."""
