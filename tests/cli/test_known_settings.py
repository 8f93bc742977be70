"""The list of settings is the parser's; run as a program, this file writes it anew."""

import subprocess
import sys
from types import UnionType
from typing import Literal, Union, get_args, get_origin
from unittest.mock import patch

import pytest
import yaml
from jsonargparse._link_arguments import ActionLink
from jsonargparse._typehints import ActionTypeHint

from codelm.cli import main
from codelm.cli.commands import LIGHTNING_COMMANDS
from codelm.cli.known_settings import SETTINGS_FILE, TYPES, refuse_wrong_keys, refuse_wrong_options
from codelm.cli.parser import OneLineParser
from codelm.errors import InputError

PARTS = ("help", "config", "print_config")
"""Options of the command itself, and the help of classes."""


def simple_types(type_):
    """The words for a type in the list; none where the list holds no such type."""
    each = [*get_args(type_)] if get_origin(type_) in (Union, UnionType) else [type_]
    words = [
        word for one in each for word in ([f"'{text}'" for text in get_args(one)] if is_choice(one) else [name(one)])
    ]
    return words if all(word in TYPES or word.startswith("'") for word in words) else []


def is_choice(type_):
    return get_origin(type_) is Literal and all(isinstance(text, str) for text in get_args(type_))


def name(type_):
    return getattr(type_, "__name__", "")


def settings_of_the_parser():
    """The lines of the list: all settings of all commands."""
    parsers = []
    with patch.object(OneLineParser, "parse_args", lambda self, *rest, **options: parsers.append(self) or sys.exit()):
        for command in LIGHTNING_COMMANDS:  # each has a parser of its own
            main([command])
    actions = {
        action.dest: action
        for parser in parsers
        for own in parser._subcommands_action._name_parser_map.values()
        for action in own._actions
        if isinstance(action, ActionTypeHint | ActionLink) and action.dest.split(".")[-1] not in PARTS
    }
    types = {dest: simple_types(action._typehint) for dest, action in actions.items() if hasattr(action, "_typehint")}
    return [" ".join([dest, *types.get(dest, [])]) for dest in sorted(actions)]


def test_the_list_holds_the_settings_of_the_parser(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["codelm"])
    assert SETTINGS_FILE.read_text("utf-8").splitlines() == settings_of_the_parser(), (
        "run python tests/cli/test_known_settings.py"
    )


WITHOUT_LIGHTNING = (
    "import sys; from codelm.cli import main; s = main(sys.argv[1:]); sys.exit(9 if 'torch' in sys.modules else s)"
)


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("--model.lerning_rate=3", "unknown setting --model.lerning_rate: did you mean --model.learning_rate?"),
        ("--trainer.max_epoch=3", "did you mean --trainer.max_epochs?"),
        ("--lora.r", "did you mean --model.lora.r?"),
        ("--config=typo.yaml", "config typo.yaml, line 2: unknown setting data.revison: did you mean data.revision?"),
        ("--config=nested.yaml", "line 1: unknown setting model.lora.rank: did you mean model.lora.r?"),
        ("--config=dotted.yaml", "line 1: unknown setting trainer.max_epoch: did you mean trainer.max_epochs?"),
        ("--model.lora.r=many", 'model.lora.r: "many" is not a whole number above 0'),
        ("--model.lora.r=null", "model.lora.r: null is not a whole number above 0"),
        ("--trainer.max_epochs", "trainer.max_epochs: its value is missing"),
        ("--model.quantization=fp4", 'model.quantization: "fp4" is not one of nf4, none'),
        ("--trainer.deterministic=x", 'trainer.deterministic: "x" is not one of warn or true or false or null'),
        ("--config=wrong.yaml", 'config wrong.yaml, line 3: model.lora.dora: "perhaps" is not true or false'),
        ("--config=empty.yaml", "config empty.yaml, line 1: trainer.accumulate_grad_batches: "),
    ],
)
def test_a_misspelt_setting_and_a_wrong_value_are_answered_before_the_heavy_imports(argument, says, tmp_path):
    (tmp_path / "typo.yaml").write_text("data:\n  revison: x\n")
    (tmp_path / "nested.yaml").write_text("model: {lora: {rank: 3}}\n")
    (tmp_path / "wrong.yaml").write_text("model:\n  lora:\n    dora: perhaps\n")
    (tmp_path / "empty.yaml").write_text("trainer: {accumulate_grad_batches: }\n")
    (tmp_path / "dotted.yaml").write_text("trainer.max_epoch: 3\n")
    command = [sys.executable, "-c", WITHOUT_LIGHTNING, "fit", argument]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == InputError.exit_status
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


@pytest.mark.parametrize("value", ["3", "1_0", "-1", "null"])
def test_a_value_that_follows_its_setting_is_read_as_one(value):
    refuse_wrong_options(["--trainer.max_epochs", value, "--trainer.fast_dev_run", "true"])


def test_configurations_may_leave_optional_settings_empty():
    text = "trainer: {max_epochs: , limit_val_batches: 0.5}\nmodel: {learning_rate: 1e-4, optimizer: adamw}\n"
    refuse_wrong_keys(yaml.compose(text), "config x.yaml")


if __name__ == "__main__":
    SETTINGS_FILE.write_text("\n".join(settings_of_the_parser()) + "\n", "utf-8")
