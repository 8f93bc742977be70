"""Numbers that make no sense are refused by the settings' types, by the checks of a command, or by the data's."""

import sys

import pytest
import yaml
from jsonargparse import Namespace

from codelm.cli import main
from codelm.cli.checks import check_settings
from codelm.cli.known_settings import SETTINGS_FILE, refuse_wrong_options
from codelm.datamodules import GitCommitDataModule
from codelm.errors import InputError
from codelm.history.epochs.importance import Importance
from codelm.history.epochs.refresh import Refresh
from codelm.history.filters.settings import Filters
from codelm.history.samples.formats import Formats

NUMBERS = ("int", "float", "Int", "Float", "Interval")
SHARES = {
    *("behavior.top_p", "data.context_weight", "data.filters.max_data_share", "data.filters.min_letters"),
    *(
        "data.formats.cursor_rate",
        "data.formats.fim_rate",
        "data.held_out",
        "data.refresh.replay",
        "model.base_dropout",
        "model.lora.dropout",
    ),
    *("model.lora.inference_scale", "model.warmup"),
}
LARGE = {"trainer.overfit_batches"}
"""Refused as 1e9 although no share: what is refused with any value."""

TAKEN = {
    "-1": {
        *("checkpoint.save_top_k", "trainer.max_epochs", "trainer.max_steps", "trainer.num_sanity_val_steps"),  # all
        *("early_stopping.divergence_threshold", "early_stopping.stopping_threshold"),  # of any metric
    },
    "0": {
        *("behavior.temperature", "data.context_weight", "data.curriculum_epochs"),
        *("data.filters.max_data_run", "data.filters.max_data_share", "data.filters.max_file_bytes"),
        *("data.filters.max_line", "data.filters.max_mean_line", "data.filters.min_letters"),
        *("data.formats.context_lines", "data.formats.cursor_rate", "data.formats.fim_rate"),
        *("data.importance.whole_files", "data.max_commits", "data.num_workers", "data.refresh.replay"),
        *("checkpoint.every_n_train_steps", "checkpoint.last_every_minutes"),
        *("early_stopping.divergence_threshold", "early_stopping.stopping_threshold", "early_stopping.min_delta"),
        *("early_stopping.patience", "evaluation.every_n_epochs", "model.base_dropout", "model.lora.dropout"),
        *("model.warmup", "model.weight_decay", "seed_everything", "trainer.fast_dev_run", "trainer.gradient_clip_val"),
        *("trainer.limit_predict_batches", "trainer.limit_test_batches", "trainer.min_epochs", "trainer.min_steps"),
        *("trainer.num_sanity_val_steps", "trainer.overfit_batches", "trainer.reload_dataloaders_every_n_epochs"),
    },
    ".nan": set(),
    "inf": {"model.learning_rate"},  # the model itself refuses it
}
"""The settings that take a number that others do not."""

LIGHTNINGS = {
    *("trainer.fast_dev_run", "trainer.limit_predict_batches", "trainer.limit_test_batches", "trainer.num_nodes"),
    *("trainer.limit_train_batches", "trainer.limit_val_batches", "trainer.reload_dataloaders_every_n_epochs"),
}
"""Lightning refuses some of these numbers itself where a trainer is made, before anything is read."""


def numeric_settings():
    lines = (line.split() for line in SETTINGS_FILE.read_text("utf-8").splitlines())
    return [name for name, *kinds in lines if any(part in kind for kind in kinds for part in NUMBERS)]


@pytest.fixture(scope="module")
def defaults(tmp_path_factory):
    """All settings of a training, as they are if none is given."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["codelm"])
        patch.setattr("codelm.cli.lightning.check_settings", lambda settings, **_: found.append(settings) or sys.exit())
        patch.chdir(tmp_path_factory.mktemp("empty"))
        main(["fit"])
    return found[0]


def is_refused(defaults, name, text):
    """Whether a command refuses a setting before it reads or makes anything."""
    try:
        refuse_wrong_options([f"--{name}={text}"])
        value = float(text) if text in ("1e9", "inf") else yaml.safe_load(text)
        check_settings(Namespace({**defaults.as_flat().__dict__, name: value}), trains=True)
        if name.startswith("data."):
            *group, last = name.split(".")[1:]
            parts = {"filters": Filters, "formats": Formats, "importance": Importance, "refresh": Refresh}
            GitCommitDataModule("tiny", **({group[0]: parts[group[0]](**{last: value})} if group else {last: value}))
    except InputError:
        return True
    return False


@pytest.mark.parametrize("text", TAKEN)
def test_numbers_without_a_meaning_are_refused(defaults, text):
    taken = {name for name in numeric_settings() if not is_refused(defaults, name, text)}
    assert taken - LIGHTNINGS == TAKEN[text] - LIGHTNINGS


def test_only_shares_have_an_upper_end(defaults):
    refused = {
        name
        for name in numeric_settings()
        if is_refused(defaults, name, "1e9") and is_refused(defaults, name, "1000000000")
    }
    assert refused == SHARES | LARGE


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("checkpoint.dirpath", "elsewhere", "--output is that for the runs"),
        ("checkpoint.save_top_k", 0, "give 1 or more, or -1 for all"),
        ("early_stopping.patience", -1, "give 0 or more"),
        ("model.lora.dropout", 1.0, "at which the adapter learns nothing"),
        ("model.base_dropout", 1.0, "nothing is left to learn from"),
        ("model.lora.alpha", float("inf"), "give a number above 0"),
        ("model.lora.inference_scale", 0.0, "nothing of the adapter is used"),
        ("behavior.top_p", 0.0, "give a number above 0, up to 1"),
        ("weights_only", False, "a checkpoint could run code"),
    ],
)
def test_what_a_run_would_pass_over_is_refused_by_name(defaults, name, value, remedy):
    with pytest.raises(InputError, match=rf"^{name} is .*{remedy}"):
        check_settings(Namespace({**defaults.as_flat().__dict__, name: value}), trains=True)
