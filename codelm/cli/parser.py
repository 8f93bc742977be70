"""The parser of settings: help texts, and errors of one line."""

from pathlib import Path
from typing import Any, NoReturn

import lightning.pytorch.callbacks
import lightning.pytorch.loggers
from lightning.pytorch.cli import LightningArgumentParser

import codelm.callbacks
from codelm.cli.error_messages import explain
from codelm.errors import InputError

__all__ = ["OneLineParser", "command_help"]

_EPILOG = "--quiet, --debug and --allow_code go with every command; codelm --help says what they do."
_CHECKPOINT = (
    "last or best of the run whose config.yaml is given, or else of the newest of that name; or a file. "
    "Without it {otherwise}."
)
_CLASSES = (*codelm.callbacks.__all__, *lightning.pytorch.callbacks.__all__, *lightning.pytorch.loggers.__all__)


class OneLineParser(LightningArgumentParser):
    """A parser whose errors are one line with the nearest known name, and not the usage of three hundred settings."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise `InputError` for the user; parsers inside parsers go on to raise their own errors to each other."""
        if not self.exit_on_error:
            super().error(message, ex)
        parser = getattr(ex, "subcommand_parser", None) or self
        raise InputError(explain(message, [*parser.get_defaults().keys(), *_CLASSES])) from ex

    def add_method_arguments(self, theclass: type[Any], themethod: str, *, skip: set[str | int]) -> list[str]:
        """Add the arguments of Lightning's ``fit`` and its like, with a help text of ours for ``ckpt_path``."""
        group = self.add_argument_group(f"Lightning's settings of {themethod}")
        otherwise = "training begins anew" if themethod == "fit" else "the untouched base is taken"
        group.add_argument("--ckpt_path", type=str | Path | None, help=_CHECKPOINT.format(otherwise=otherwise))
        rest = group.add_method_arguments(theclass, themethod, as_group=False, skip=skip | {"ckpt_path"})
        return ["ckpt_path", *rest]


def command_help(command: str, what: str) -> dict[str, str]:
    """Return the usage, description and epilog of a command's help."""
    usage = f"codelm {command} [--config FILE]... [--SETTING VALUE]..."
    return {"usage": usage, "description": f"{what[0].upper()}{what[1:]}.", "epilog": _EPILOG}
