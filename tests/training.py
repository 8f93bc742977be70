"""Fixtures for tests that train: a model of two layers with a real adapter, rows, and a function that fits them."""

import pytest

PACKING = 0.99


@pytest.fixture(scope="session")
def make_module(tiny_base):
    """Return a function that makes the module to train: the base with a small adapter."""
    import torch

    from codelm.modules import LoRA, LoRACausalLM

    def make(**settings):
        torch.manual_seed(1)
        # With dropout, a training next to which somebody has used up random numbers ends otherwise.
        lora = LoRA(r=2, dropout=0.2, targets=["q_proj", "v_proj", "c_fc"])
        return LoRACausalLM(
            str(tiny_base), **({"quantization": "none", "lora": lora, "learning_rate": 0.02, "warmup": 0.0} | settings)
        )

    return make


@pytest.fixture(scope="session")
def make_rows():
    """Return a function that makes batches of one row: the same phrase, over and over."""
    import torch

    from codelm.special_tokens import SPECIAL_TOKENS

    def make(count, phrase=b"fn a() { b(c)?; }\n", start=0):
        ids = torch.tensor([[len(SPECIAL_TOKENS) + byte % 250 for byte in phrase * 2]])
        batches = []
        for index in range(count):
            shifted = ids.roll(start + index, 1)
            weights = torch.ones(shifted.shape)
            weights[:, : index % 5] = 0.5
            batches.append(
                {
                    "input_ids": shifted,
                    "position_ids": torch.arange(shifted.shape[1])[None],
                    "labels": shifted.clone(),
                    "weights": weights,
                    "step_weight": weights[:, 1:].sum(),
                }
            )
        return batches

    return make


@pytest.fixture
def make_data(make_rows):
    """Return a function that makes a datamodule of six training and two held-out batches."""
    from lightning.pytorch import LightningDataModule
    from torch.utils.data import DataLoader

    class Rows(LightningDataModule):
        @property
        def facts(self):
            return {
                "analysis": {"seconds": 0.5, "languages": {"Rust": 1.0}},
                "scrape": {"seconds": 1.5, "commits": 11, "git": "2.39.5"},
                "tokenize": {"seconds": 2.5, "packing_efficiency": PACKING},
            }

        def train_dataloader(self):
            return DataLoader(make_rows(6), batch_size=None, shuffle=True)

        def val_dataloader(self):
            return DataLoader(make_rows(2, start=9), batch_size=None)

    return Rows


@pytest.fixture
def make_trainer(tmp_path):
    """Return a function that makes a quiet trainer with some callbacks, which keeps its best checkpoint."""
    from lightning.pytorch import Trainer, seed_everything
    from lightning.pytorch.loggers import TensorBoardLogger

    from codelm.callbacks import Checkpoints

    def make(*callbacks, **options):
        seed_everything(7)
        checkpoint = Checkpoints(monitor="val/loss", filename="best")
        settings = {
            "max_epochs": 2,
            "accelerator": "cpu",
            "logger": TensorBoardLogger(tmp_path / "runs", "demo"),
            "log_every_n_steps": 1,
            "enable_model_summary": False,
            "enable_progress_bar": False,
            "num_sanity_val_steps": 0,
        }
        return Trainer(callbacks=[*callbacks, checkpoint], **(settings | options))

    return make


@pytest.fixture
def fit(make_module, make_data, make_trainer):
    """Return a function that trains with some callbacks and returns trainer and module."""

    def run(*callbacks, module=None, ckpt_path=None, **options):
        trainer = make_trainer(*callbacks, **options)
        module = module or make_module()
        trainer.fit(module, datamodule=make_data(), ckpt_path=ckpt_path)
        return trainer, module

    return run


@pytest.fixture
def stop_at():
    """Return a function that makes a callback which raises behind an optimizer step."""
    from lightning.pytorch import Callback

    class Stop(Callback):
        def __init__(self, step, error):
            self.step, self.error = step, error

        def on_train_batch_end(self, trainer, *_):
            if trainer.global_step == self.step:
                raise self.error

    return Stop


def recording_callbacks(evaluation, *, summary=True):
    """The callbacks that record a run and end it, without prompts."""
    from codelm.callbacks import BaseReference, FinishRun, Forgetting, Lineage, Manifest, TrainingHistory
    from codelm.runs.finish import default_steps
    from codelm.runs.record import RunRecord

    every = evaluation.every_n_epochs if evaluation.enabled else 0
    steps = default_steps(evaluation, summary=summary)
    record = RunRecord()
    measuring = [BaseReference(record), TrainingHistory(record), Lineage(record), Manifest(record)]
    return [*measuring, Forgetting(every, record=record), FinishRun(steps, record)]


@pytest.fixture
def make_history_data(tmp_path, tiny_base, rust_repository):
    """Return a function that makes the datamodule of a small history."""
    from codelm.datamodules import GitCommitDataModule

    settings = {"sequence_length": 64, "batch_size": 2, "held_out": 0.3, "cache": str(tmp_path / "cache")}
    return lambda: GitCommitDataModule(str(tiny_base), str(rust_repository), **settings)


@pytest.fixture
def run_history(few_texts, make_module, make_history_data, make_trainer):
    """Train a few batches of a small history with what a run has; return trainer, module and the run's record."""
    from codelm.evaluation.settings import EvaluationSettings

    def train(*others, module=None, ckpt_path=None, evaluation=None, **options):
        settings = EvaluationSettings(**({"limit": 1, "minutes": 0.1, "tokens": 500} | (evaluation or {})))
        callbacks = recording_callbacks(settings, summary=False)
        trainer = make_trainer(*others, *callbacks, **({"limit_train_batches": 3, "limit_val_batches": 2} | options))
        module = module or make_module()
        trainer.fit(module, datamodule=make_history_data(), ckpt_path=ckpt_path)
        return trainer, module, callbacks[0].record

    return train
