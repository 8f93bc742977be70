"""The parser of a command beside Lightning's, whose mistakes are errors of one line, and the settings it may take."""

import re
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any, NoReturn

from codelm.cli.error_messages import did_you_mean
from codelm.errors import InputError

__all__ = ["VerbParser", "split_settings"]


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

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the values of arguments, among which options may stand anywhere."""
        return self.parse_intermixed_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise `InputError` for what is wrong with the arguments."""
        if unknown := re.match(r"unrecognized arguments: (\S+)", message):
            word = unknown[1].partition("=")[0]
            options = re.findall(r"--\w+", self.format_usage())
            message = f"unexpected {word}{did_you_mean(word, options)}"
        raise InputError(f"{message}; {self.prog} --help says what there is")


def split_settings(
    arguments: Sequence[str], alone: Sequence[str] = ("-c", "--config", "--seed_everything", "--output")
) -> tuple[list[str], list[str]]:
    """Return the settings of ``codelm fit`` among the arguments, with their values, and the other arguments.

    ``alone`` are those that are in no group of settings.
    """
    settings: list[str] = []
    rest: list[str] = []
    tokens = iter(arguments)
    for token in tokens:
        name, has_value, _ = token.partition("=")
        if name in alone or (name.startswith("--") and "." in name):
            settings += [token] if has_value else [token, next(tokens, "")]
        else:
            rest.append(token)
    return settings, rest
