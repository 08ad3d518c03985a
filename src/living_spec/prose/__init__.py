"""Proofs of prose: what binds each factual sentence of the pages to a rule, a scenario or a test."""
