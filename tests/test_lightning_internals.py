"""A contract with Lightning: each of its undocumented names that codelm uses is where it was."""

from functools import reduce

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from codelm.lightning_checkpoints import CHECKPOINT_KEYS, settle
from codelm.lightning_internals import ATTRIBUTES, CLI_HOOKS, was_restoring

QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


class Line(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch):
        return self.layer(batch).sum()

    def validation_step(self, batch):
        self.log("val/loss", self.layer(batch).sum())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1e-3)


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    """A trainer that has trained for five batches, two of which make an optimizer step."""
    folder = tmp_path_factory.mktemp("trainer")
    trainer = Trainer(max_epochs=1, accumulate_grad_batches=2, default_root_dir=folder, **QUIET)
    trainer.fit(Line(), *(DataLoader(torch.ones(5, 1)) for _ in range(2)))
    return trainer


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_of_the_trainer_is_where_it_was(trainer, name):
    try:
        reduce(getattr, name.split("."), trainer)
    except AttributeError as error:
        pytest.fail(f"Lightning has moved Trainer.{name}, which codelm/lightning_internals.py uses: {error}")


@pytest.mark.parametrize("key", CHECKPOINT_KEYS)
def test_a_checkpoint_counts_under_the_names_it_did(trainer, tmp_path, key):
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    loop = torch.load(tmp_path / "a.ckpt", weights_only=False)["loops"]["fit_loop"]
    assert key in loop, f"Lightning's checkpoints have lost {key}, which codelm/lightning_checkpoints.py changes"


@pytest.mark.parametrize("name", CLI_HOOKS)
def test_the_command_line_calls_the_method_that_ours_overrides(name):
    from lightning.pytorch.cli import LightningCLI

    assert hasattr(LightningCLI, name), f"LightningCLI has lost {name}, which codelm/cli/lightning.py overrides"


def test_a_checkpoint_within_an_accumulation_goes_back_to_the_last_step(tmp_path):
    class Save(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 2:
                trainer.save_checkpoint(tmp_path / "a.ckpt")

    options = {"max_epochs": 1, "accumulate_grad_batches": 2, "default_root_dir": tmp_path, "limit_val_batches": 0}
    Trainer(callbacks=[Save()], **options, **QUIET).fit(Line(), DataLoader(torch.ones(5, 1)))
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=False)
    batches = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    for _ in range(2):  # a second time nothing is left to go back
        settle(checkpoint, accumulate=2, validates=False)
        assert set(batches["current"].values()) == set(batches["total"].values()) == {2}


def test_an_error_while_states_are_restored_is_told_from_others(trainer, tmp_path):
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=False)
    checkpoint["optimizer_states"] = [{}]
    torch.save(checkpoint, tmp_path / "a.ckpt")
    again = Trainer(max_epochs=2, default_root_dir=tmp_path, **QUIET)
    with pytest.raises(KeyError) as caught:
        again.fit(Line(), DataLoader(torch.ones(5, 1)), ckpt_path=tmp_path / "a.ckpt", weights_only=False)
    assert was_restoring(caught.value), "Lightning restores states elsewhere than codelm/lightning_internals.py says"
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // 0
    assert not was_restoring(caught.value)
