"""Where a step does not fit, fewer rows are taken at a time, and a training ends as with more of them."""

import logging

import pytest
import torch
from lightning.pytorch import LightningDataModule, Trainer, seed_everything
from torch.utils.data import DataLoader

from codelm.callbacks import MemoryTrial
from codelm.errors import ResourceError
from codelm.modules import LoRA

TOKENS = 36
NAMES = ("input_ids", "position_ids", "labels", "weights")


class Rows(LightningDataModule):
    """Steps of four rows each, in batches of so many of them."""

    def __init__(self, steps, batch_size):
        super().__init__()
        self.steps, self.batch_size, self.sequence_length = steps, batch_size, TOKENS
        self.total_steps = len(steps)  # else Lightning makes the loader earlier, to count

    def train_dataloader(self):
        batches = []
        for step in self.steps:
            weight = sum(row["step_weight"] for row in step)
            for start in range(0, len(step), self.batch_size):
                rows = step[start : start + self.batch_size]
                batches.append(
                    {name: torch.cat([row[name] for row in rows]) for name in NAMES} | {"step_weight": weight}
                )
        return DataLoader(batches, batch_size=None)


@pytest.fixture
def train(make_module, make_rows):
    """Train on eight rows, four to a step, on a device into which so many rows fit; return module and trainer."""
    rows = make_rows(8)

    def run(batch_size, fits=100, error=torch.OutOfMemoryError, **settings):
        seed_everything(0, verbose=False)
        module = make_module(lora=LoRA(r=2, dropout=0.0, targets=["q_proj", "c_fc"]))
        weighted_nll = module.weighted_nll

        def limited(batch):
            if len(batch["input_ids"]) > fits:
                raise error
            return weighted_nll(batch)

        module.weighted_nll = limited
        options = {"accumulate_grad_batches": 4 // batch_size, "max_epochs": 1, "accelerator": "cpu", "logger": False}
        quiet = {"enable_progress_bar": False, "enable_checkpointing": False, "enable_model_summary": False}
        trainer = Trainer(callbacks=[MemoryTrial(on_cpu=True)], **options, **quiet, **settings)
        trainer.fit(module, datamodule=Rows([rows[:4], rows[4:]], batch_size))
        return module, trainer

    return run


def trained(module):
    return torch.cat([parameter.detach().flatten() for _, parameter in module.trained()])


def test_fewer_rows_at_a_time_end_with_the_same_adapter(train, caplog):
    whole, _ = train(4)
    with caplog.at_level(logging.WARNING):
        halved, trainer = train(4, fits=1)
    assert (trainer.datamodule.batch_size, trainer.accumulate_grad_batches, trainer.global_step) == (1, 4, 2)
    assert [record.message for record in caplog.records if "memory" in record.message] == [
        "out of GPU memory with 4 rows at a time: going on with 2, and 2 batches of the same rows to a step",
        "out of GPU memory with 2 rows at a time: going on with 1, and 4 batches of the same rows to a step",
    ]
    torch.testing.assert_close(trained(halved), trained(whole), rtol=0, atol=1e-6)


def test_a_cpu_s_own_error_counts_too_and_no_other_does(train):
    error = RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried")
    _, trainer = train(4, fits=2, error=error)
    assert trainer.datamodule.batch_size == 2
    with pytest.raises(RuntimeError, match="another fault"):
        train(4, fits=2, error=RuntimeError("another fault"))


def test_a_trial_changes_nothing_where_all_rows_fit(train, monkeypatch):
    with_trial, trainer = train(2)
    monkeypatch.setattr(MemoryTrial, "on_fit_start", lambda *arguments: None)
    without, _ = train(2)
    assert trainer.datamodule.batch_size == 2
    assert torch.equal(trained(with_trial), trained(without))


def test_limits_in_batches_keep_their_rows(train):
    _, trainer = train(4, fits=2, limit_train_batches=1)
    assert (trainer.limit_train_batches, trainer.global_step) == (2, 1)


def test_one_row_that_does_not_fit_is_refused_with_what_helps(train):
    with pytest.raises(ResourceError, match=r"one row at a time: give --config configs/hardware/6gb.yaml"):
        train(2, fits=0)


def test_processes_that_chose_apart_take_the_fewest_rows(train, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(
        "lightning.pytorch.strategies.SingleDeviceStrategy.reduce",
        lambda self, tensor, *arguments, reduce_op="mean", **options: tensor // 2 if reduce_op == "min" else tensor,
    )
    _, trainer = train(4)
    assert (trainer.datamodule.batch_size, trainer.accumulate_grad_batches, trainer.global_step) == (2, 2, 2)
    assert "a process has memory for 2 rows at a time, this one for 4: all take 2" in caplog.text
