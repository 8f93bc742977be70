"""The command `codelm`: what people type, checked and answered."""

from codelm.cli.entry_point import main

__all__ = ["main"]
