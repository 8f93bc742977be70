"""An error names a setting as it is typed, with its group."""

import ast
import re
from pathlib import Path

import pytest

import codelm
from codelm.cli.known_settings import SETTINGS_FILE
from codelm.errors import InputError
from codelm.history.epochs.importance import Importance
from codelm.history.filters.settings import Filters
from codelm.history.samples.formats import Formats
from codelm.history.split import split_commits
from codelm.modules import LoRACausalLM

SETTINGS = {line.split()[0] for line in SETTINGS_FILE.read_text("utf-8").splitlines()}
LAST_PARTS = {name.partition(".")[2] for name in SETTINGS} | {name.rpartition(".")[2] for name in SETTINGS}


@pytest.mark.parametrize(
    ("refused", "name"),
    [
        (lambda: LoRACausalLM("tiny", learning_rate=float("inf")), "model.learning_rate"),
        (lambda: Filters(ignore=["[a"]), "data.filters.ignore"),
        (lambda: Filters(max_line=-1), "data.filters.max_line"),
        (lambda: Filters(min_letters=2), "data.filters.min_letters"),
        (lambda: Formats(fim_rate=2), "data.formats.fim_rate"),
        (lambda: Formats(context_lines=-1), "data.formats.context_lines"),
        (lambda: Formats(fim_format="x"), "data.formats.fim_format"),
        (lambda: Importance(whole_files=-1), "data.importance.whole_files"),
        (lambda: Importance(message_rules={"(": 2}), "data.importance.message_rules"),
        (lambda: split_commits([], 2), "data.held_out"),
    ],
)
def test_a_refused_value_is_named_with_its_group(refused, name):
    with pytest.raises(InputError) as refusal:
        refused()
    assert str(refusal.value).split()[0].rstrip(":") == name
    assert name in SETTINGS


def beginnings():
    """Yield the files of the package with the first words of the errors that they raise."""
    for path in Path(codelm.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "InputError" and call.args:
                text = call.args[0].values[0] if isinstance(call.args[0], ast.JoinedStr) else call.args[0]
                if isinstance(text, ast.Constant):
                    yield path.name, text.value


def test_no_error_begins_with_a_setting_that_lacks_its_group():
    found = list(beginnings())
    assert len(found) > 50
    named = [(path, re.match(r"[\w.]*(?=:| is| \Z)", text), text) for path, text in found]
    assert [(path, text) for path, name, text in named if name and name[0] in LAST_PARTS - SETTINGS] == []
