"""The list of settings is the parser's; run as a program, this file writes it anew."""

import contextlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from codelm.cli import main
from codelm.cli.commands import COMMANDS
from codelm.cli.known_settings import LIST
from codelm.errors import InputError

LINKED = {
    *("data.seed", "behavior.seed", "evaluation.seed", "data.tokenizer", "data.tokenizer_revision", "data.prompts"),
    "model.max_new_tokens",
}
"""What follows another setting and says so when it is given."""


def leaves(settings, above=""):
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def names_of_the_parser(folder):
    """All settings of all commands, as ``--print_config`` lists them."""
    (folder / "none.yaml").write_text("name: x\n")
    found = set(LINKED)
    for command in COMMANDS:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            assert main([command, "--config", str(folder / "none.yaml"), "--print_config"]) == 0
        found |= set(leaves(yaml.safe_load(printed.getvalue())))
    return sorted(found)


def test_the_list_holds_the_settings_of_the_parser(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["codelm"])
    assert LIST.read_text("utf-8").split() == names_of_the_parser(tmp_path), (
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
    ],
)
def test_a_misspelt_setting_is_answered_before_the_heavy_imports(argument, says, tmp_path):
    (tmp_path / "typo.yaml").write_text("data:\n  revison: x\n")
    (tmp_path / "nested.yaml").write_text("model: {lora: {rank: 3}}\n")
    (tmp_path / "dotted.yaml").write_text("trainer.max_epoch: 3\n")
    command = [sys.executable, "-c", WITHOUT_LIGHTNING, "fit", argument]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == InputError.exit_status
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        LIST.write_text("\n".join(names_of_the_parser(Path(scratch))) + "\n", "utf-8")
