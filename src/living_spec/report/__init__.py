"""Reports of a run, written from its evidence: for people, for programs, and for what starts the run."""
