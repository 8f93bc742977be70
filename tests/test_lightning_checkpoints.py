"""A checkpoint goes on in batches of another size, also where an epoch's last step has fewer rows than the others."""

import pytest
import torch
from lightning.pytorch import Callback, Trainer, seed_everything

from codelm.lightning_checkpoints import settle
from codelm.lightning_internals import settle_resumed
from codelm.modules import LoRA
from tests.callbacks.test_memory_trial import Rows, trained


class Steps(Rows):
    """The same rows for the validation, four at a time."""

    @property
    def settings(self):
        return {"batch_size": self.batch_size}

    def val_dataloader(self):
        return Rows(self.steps, 4).train_dataloader()


class Seen(Callback):
    """Remembers which batches were begun in each epoch, and at which steps validations were.

    Where ``folder`` is given, it saves checkpoints there as if the run had been stopped at the beginning of each.
    """

    def __init__(self, folder=None):
        self.folder, self.batches, self.validated = folder, [], []

    def on_train_start(self, trainer, pl_module):
        settle_resumed(trainer)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batches.append((trainer.current_epoch, batch_idx))

    def on_validation_start(self, trainer, pl_module):
        self.validated.append(trainer.global_step)
        if self.folder:
            checkpoint = trainer._checkpoint_connector.dump_checkpoint()
            settle(checkpoint, trainer.accumulate_grad_batches, validates=True)
            torch.save(checkpoint, self.folder / f"{trainer.global_step}.ckpt")


@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
def test_a_run_that_stopped_in_a_validation_goes_on_with_it_in_smaller_batches(make_module, make_rows, tmp_path):
    rows = make_rows(7)

    def train(batch_size, seen, ckpt_path=None):
        seed_everything(0, verbose=False)
        module = make_module(lora=LoRA(r=2, dropout=0.0, targets=["q_proj", "c_fc"]))
        options = {"accumulate_grad_batches": 4 // batch_size, "max_epochs": 2, "accelerator": "cpu", "logger": False}
        quiet = {"enable_progress_bar": False, "enable_checkpointing": False, "enable_model_summary": False}
        trainer = Trainer(callbacks=[seen], num_sanity_val_steps=0, **options, **quiet)
        trainer.fit(module, datamodule=Steps([rows[:4], rows[4:]], batch_size), ckpt_path=ckpt_path)
        return trained(module), seen

    whole, _ = train(4, Seen(tmp_path))
    for stopped, batches, validated in ((2, [(1, number) for number in range(7)], [2, 4]), (4, [], [4])):
        weights, seen = train(1, Seen(), tmp_path / f"{stopped}.ckpt")
        assert (seen.batches, seen.validated) == (batches, validated)
        torch.testing.assert_close(weights, whole, rtol=0, atol=1e-5)
