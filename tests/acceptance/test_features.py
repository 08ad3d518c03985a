"""Every scenario of every feature; each runs once on each surface that it has."""

from pytest_bdd import scenarios

scenarios(".")
