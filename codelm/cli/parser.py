"""The parser of settings, as people meet it: a help that can be read, and complaints of one line."""

from typing import Any, NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from codelm.cli.messages import explain
from codelm.errors import InputError

EPILOG = "--quiet, --debug and --allow_code go with every command; codelm --help says what they do."
CHECKPOINT = "last or best of the newest run of that name, or a file. Without it {otherwise}."


class OneLineParser(LightningArgumentParser):
    """Complains in one line, with the nearest known name, instead of printing the usage of three hundred settings."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise `InputError` for the user; let parsers inside parsers go on asking one another."""
        if not self.exit_on_error:
            super().error(message, ex)
        parser = getattr(ex, "subcommand_parser", None) or self
        raise InputError(explain(message, parser.get_defaults().keys())) from ex

    def add_method_arguments(self, theclass: type[Any], themethod: str, *args: Any, **kwargs: Any) -> list[str]:
        """Add what Lightning's ``fit`` and its like take, in our words: its own promise what is not done here."""
        added: list[str] = super().add_method_arguments(theclass, themethod, *args, **kwargs)
        group = self._action_groups[-1]
        group.title = f"Lightning's settings of {themethod}"
        for action in group._group_actions:
            if action.dest == "ckpt_path":
                otherwise = "training begins anew" if themethod == "fit" else "the untouched base is taken"
                action.help = CHECKPOINT.format(otherwise=otherwise)
        return added


def about(command: str, what: str) -> dict[str, str]:
    """Return what the help of a command says around its settings."""
    usage = f"codelm {command} [--config FILE]... [--SETTING VALUE]..."
    return {"usage": usage, "description": f"{what[0].upper()}{what[1:]}.", "epilog": EPILOG}
