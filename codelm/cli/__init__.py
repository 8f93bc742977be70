"""The command line of codelm: parsing, checks and error messages."""

from codelm.cli.entry_point import main

__all__ = ["main"]
