"""The parser of a command beside Lightning's: its mistakes are errors of one line."""

import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import NoReturn

from codelm.cli.error_messages import did_you_mean
from codelm.errors import InputError

__all__ = ["VerbParser"]


class VerbParser(ArgumentParser):
    """A parser whose help keeps its lines, which knows options by their whole names alone.

    Args:
        command: The command's name.
        description: What it does, and examples.
    """

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            f"codelm {command}",
            description=description,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise `InputError` for what is wrong with the arguments."""
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            word = unknown[1].partition("=")[0]
            options = re.findall(r"--\w+", self.format_usage())
            message = f"unexpected {word}{did_you_mean(word, options)}"
        raise InputError(f"{message}; {self.prog} --help says what there is")
