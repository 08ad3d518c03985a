"""Values, rules, refusals and naming: pure decisions without input or output."""
