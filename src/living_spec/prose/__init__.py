"""Proofs of prose: each factual sentence of the pages is bound to a rule, a scenario or a test."""
