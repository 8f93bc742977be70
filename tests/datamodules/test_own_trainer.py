"""The rows of a history in somebody else's LightningModule, with a trainer of theirs and Lightning's defaults."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = """
import json, sys
import torch
from lightning.pytorch import LightningModule, Trainer
from codelm.datamodules import GitCommitDataModule

base, repository, folder = sys.argv[1:]


class Theirs(LightningModule):
    def __init__(self):
        super().__init__()
        self.scale, self.served = torch.nn.Parameter(torch.ones(())), {"train": [], "val": []}

    def training_step(self, batch):
        self.served["train"].append(batch["input_ids"].tolist())
        return self.scale * batch["weights"].sum() / batch["step_weight"]

    def validation_step(self, batch):
        self.served["val"].append(batch["input_ids"].tolist())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1e-3)


data = GitCommitDataModule(base, repository, sequence_length=64, batch_size=2, held_out=0.3, cache=folder + "/cache")
module = Theirs()
settings = {"logger": False, "enable_checkpointing": False, "num_sanity_val_steps": 0, "enable_progress_bar": False}
trainer = Trainer(max_epochs=1, strategy="ddp", accelerator="cpu", devices=2, **settings)
trainer.fit(module, datamodule=data)
with open(f"{folder}/{trainer.global_rank}.json", "w") as file:
    json.dump(module.served, file)
"""


@pytest.mark.slow
def test_two_processes_are_served_all_planned_rows_once(tmp_path, tiny_base, rust_repository):
    from codelm.datamodules import GitCommitDataModule

    (tmp_path / "theirs.py").write_text(SCRIPT)
    command = [sys.executable, tmp_path / "theirs.py", tiny_base, rust_repository, tmp_path]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        error = process.communicate(timeout=300)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, error
    served = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)]
    settings = {"sequence_length": 64, "batch_size": 4, "held_out": 0.3, "cache": str(tmp_path / "cache")}
    alone = GitCommitDataModule(str(tiny_base), str(rust_repository), **settings)
    alone.setup()
    for name, loader in (("train", alone.train_dataloader()), ("val", alone.val_dataloader())):
        wanted = [[row for row in batch["input_ids"].tolist() if any(row)] for batch in loader]
        found = [
            [row for batch in batches for row in batch if any(row)]
            for batches in zip(*(each[name] for each in served), strict=True)
        ]
        assert [sorted(rows) for rows in found] == [sorted(rows) for rows in wanted]


@pytest.fixture
def own_trainer():
    """A trainer of two processes with Lightning's defaults; it has not begun to train."""
    from lightning.pytorch import Trainer

    return Trainer(strategy="ddp", accelerator="cpu", devices=2, logger=False, enable_checkpointing=False)


@pytest.mark.parametrize("name", ["train", "val", "test"])
@pytest.mark.parametrize("rank", [0, 1])
def test_lightning_does_not_deal_out_the_rows_again(make_history_data, own_trainer, monkeypatch, name, rank):
    # lightning 2.6 replaces a loader's sampler by one that deals out its batches, shuffled, unless that is distributed
    from lightning.pytorch.trainer.connectors.data_connector import _process_dataloader
    from lightning.pytorch.trainer.states import RunningStage, TrainerFn

    data = make_history_data()
    data.prepare_data()
    data.trainer = own_trainer
    data.setup()
    monkeypatch.setattr(type(own_trainer.strategy.cluster_environment), "global_rank", lambda self: rank)
    planned = getattr(data, f"{name}_dataloader")()
    stage = {"train": RunningStage.TRAINING, "val": RunningStage.VALIDATING, "test": RunningStage.TESTING}[name]
    served = list(_process_dataloader(own_trainer, TrainerFn.FITTING, stage, planned))
    assert len(served) == len(planned) > 1
    for ours, theirs in zip(planned, served, strict=True):
        assert torch.equal(ours["input_ids"], theirs["input_ids"])


def test_a_trainer_that_overfits_some_batches_is_served_the_first_ones(make_history_data, own_trainer):
    # it puts a sampler of its own in place of each that it does not know
    from lightning.pytorch.trainer.connectors.data_connector import _resolve_overfit_batches
    from lightning.pytorch.trainer.states import RunningStage
    from lightning.pytorch.utilities import CombinedLoader

    data = make_history_data()
    data.prepare_data()
    data.setup()
    planned = data.train_dataloader()
    combined = CombinedLoader(planned)
    with pytest.warns(UserWarning, match="overfit"):
        _resolve_overfit_batches(combined, RunningStage.TRAINING)
    first = next(iter(combined.flattened[0]))
    assert torch.equal(first["input_ids"], next(iter(planned))["input_ids"])
