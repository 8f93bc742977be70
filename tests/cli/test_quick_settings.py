"""Settings read without Lightning are those that ``codelm fit`` reads."""

import re
import subprocess
import sys
from dataclasses import asdict, fields
from unittest.mock import patch

import pytest

from codelm.cli import main
from codelm.cli.config_files import shipped_names
from codelm.cli.lightning import _CodelmCLI
from codelm.cli.quick_settings import DataSettings, quick_settings
from codelm.errors import InputError

READ = [
    *("seed_everything", "output", "model.base", "model.base_name", "model.revision", "model.quantization"),
    *("model.gradient_checkpointing", "model.lora.r", "model.lora.targets", "trainer.max_epochs"),
    *("trainer.max_steps", "trainer.accumulate_grad_batches", "trainer.limit_train_batches"),
    *("evaluation.enabled", "evaluation.minutes"),
]
"""The settings beside those of the data that an inspection reads."""


def settings_of_fit(arguments):
    found = []

    def stop(self):
        found.append(self.settings)
        raise SystemExit(0)

    stopped = patch.object(_CodelmCLI, "before_instantiate_classes", stop)
    with stopped, patch("codelm.cli.lightning.check_settings"):  # one of 6gb.yaml needs a GPU
        main(["fit", *arguments])
    return found[0]


@pytest.mark.parametrize(
    "arguments",
    [
        *([f"--config={name}"] for name in shipped_names()),
        [],
        ["--config=EMPTY"],
        ["--config=configs/tiny.yaml", "--config=configs/weighting.yaml", "--data.filters.bots=false"],
        ["--config=PARTS", "--data.formats.fim_rate", "1e-1", "--trainer.limit_train_batches", "7"],
    ],
    ids=lambda arguments: " ".join(arguments) or "none",
)
def test_they_are_those_of_fit(arguments, tmp_path):
    (tmp_path / "EMPTY").write_text("name: x\n")
    (tmp_path / "PARTS").write_text("data: {filters: filters.yaml, max_commits: 7}\nmodel: model.yaml\n")
    (tmp_path / "filters.yaml").write_text("ignore: [a/]\nmax_mean_line: 1e2\n")
    (tmp_path / "model.yaml").write_text("lora: {r: 3}\n")
    given = [each.replace("=EMPTY", f"={tmp_path}/EMPTY").replace("=PARTS", f"={tmp_path}/PARTS") for each in arguments]
    fit, quick = settings_of_fit(given), quick_settings(given)
    data = asdict(quick.data)
    for field in fields(DataSettings):
        expected = fit.data[field.name]
        if hasattr(expected, "as_dict"):
            expected = {name: value for name, value in expected.as_dict().items() if name != "__path__"}
        assert data[field.name] == expected
    assert {name: quick.others[name] for name in READ} == {name: fit[name] for name in READ}
    assert quick.seed == fit.data.seed


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("--data.held_out=2", "data.held_out is 2.0: give a share"),
        ("--data.max_commits=-1", "data.max_commits is -1"),
        ("--data.sequence_length=x", "is not a whole number"),
        ("--data.filters.max_data_share=7", "give a share from 0 to 1"),
        ("--data.curriculum=steep", "is not one of competence, none"),
        ("--config=nowhere.yaml", "no config file"),
        ("--data.tokenizer=x", "data.tokenizer"),
    ],
)
def test_wrong_ones_are_refused_in_a_line(argument, says):
    with pytest.raises(InputError, match=re.escape(says)) as refused:
        quick_settings([argument])
    assert "\n" not in str(refused.value)


def test_neither_torch_nor_lightning_nor_transformers_is_imported():
    code = "import sys, codelm.cli.quick_settings as q; q.quick_settings(['--config=rust']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightning", "transformers"} & set(loaded)
