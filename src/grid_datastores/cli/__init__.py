"""The command line. Its modules import click and nothing heavy; a command imports what it needs when it runs."""

from grid_datastores.cli.main import cli, main

__all__ = ["cli", "main"]
