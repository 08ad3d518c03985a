"""The command line. Its modules import only click at the top; a command imports the rest when it runs."""

from grid_datastores.cli.main import cli, main

__all__ = ["cli", "main"]
