"""Attacks on the product, each with a budget and a seed. `python -m trust` runs them all."""
