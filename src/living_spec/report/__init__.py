"""Reports of a run from its evidence: a summary for people, messages for programs, an exit code for scripts."""
