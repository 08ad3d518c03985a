"""Values, rules, refusals and naming: pure decisions, without I/O."""
