"""The parser of a command beside Lightning's, whose mistakes are errors of one line, and the settings it may take."""

import re
from argparse import Action, ArgumentParser, RawDescriptionHelpFormatter
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
        may_be_empty: Options that an empty text says something to.
    """

    def __init__(self, command: str, description: str, may_be_empty: Sequence[str] = ()) -> None:
        self.may_be_empty = may_be_empty
        self.actions: list[Action] = []
        super().__init__(
            f"codelm {command}",
            description=description,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def add_argument(self, *names: Any, **settings: Any) -> Action:
        """Add an argument, and keep it: argparse tells no others which it has."""
        self.actions.append(super().add_argument(*names, **settings))
        return self.actions[-1]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the values of arguments, among which options may stand anywhere.

        Raises:
            InputError: They are wrong, or an option has an empty value, as of a variable that is not set.
        """
        given = self.parse_intermixed_args(args, namespace)
        for action in self.actions:
            option = next(iter(action.option_strings), "")
            if option and option not in self.may_be_empty and getattr(given, action.dest, None) == "":
                remedy = f"give {action.metavar}{'' if action.required else ', or leave it out'}"
                raise InputError(f"{option} is empty: {remedy}")
        return given

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
