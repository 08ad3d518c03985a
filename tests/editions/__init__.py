"""Editions of the software that differ from the reference by what code here puts into it: a module each."""
