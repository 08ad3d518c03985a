"""The work that must run on the user's machine: uploads, Runs, mounts and restoring."""
