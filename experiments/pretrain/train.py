"""Resumable training: a long stable phase, and from any checkpoint of it a short decay to a finished model."""

import hashlib
import logging
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel, Starcoder2Config, Starcoder2ForCausalLM

from codelm.errors import InputError
from codelm.modules.causal_lm import CausalLM
from experiments.pretrain.checkpoints import MADE_WITH, Recipe, digest_of_weights, recorded_recipe, refuse_other_recipe
from experiments.pretrain.optimizers import muon_with_adamw
from experiments.pretrain.progress import Progress
from experiments.pretrain.rows import DecayRows, PretrainingRows

__all__ = ["POSITIONS", "PRESETS", "STEPS_BETWEEN_VALIDATIONS", "Pretraining", "Schedule", "Shape", "finish", "train"]

log = logging.getLogger(__name__)

POSITIONS = 4096
_WEIGHT_DECAY = 0.01
STEPS_BETWEEN_VALIDATIONS = 500


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of the model; the names of the fields are keys of the recipe in checkpoints."""

    vocabulary: int = 12_288
    width: int = 256
    layers: int = 6
    inner: int = 1024
    heads: int = 4
    key_value_heads: int = 2


PRESETS = {
    "cpu": Shape(),  # 7.5 million parameters
    "gpu": Shape(width=448, layers=8, inner=1792, heads=7, key_value_heads=1),  # 22 million; not trained yet
}
"""Sizes that fit the package: 20 MB, trained on a CPU, and 40 MB, on a GPU."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate rises over ``warmup`` steps, stays, and falls to 0 over ``decay`` steps from ``decay_from`` on.

    The names of the fields are keys of the recipe in checkpoints.
    """

    rate: float = 6e-3
    warmup: int = 200
    decay_from: int | None = None
    decay: int = 0

    def factor(self, step: int) -> float:
        """Return the share of the highest learning rate at ``step``.

        >>> schedule = Schedule(warmup=2, decay_from=4, decay=4)
        >>> [schedule.factor(step) for step in range(8)]
        [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
        """
        if self.decay_from is not None and step >= self.decay_from:
            return max(0.0, 1 - (step - self.decay_from) / max(1, self.decay))
        return min(1.0, (step + 1) / self.warmup)


class Pretraining(CausalLM):
    """Training of a StarCoder2 of a given shape from random weights."""

    def __init__(self, shape: Shape, schedule: Schedule) -> None:
        super().__init__(learning_rate=schedule.rate, weight_decay=_WEIGHT_DECAY)
        self.shape = shape
        self.schedule = schedule
        self.made_with: Recipe = {}

    def build(self) -> PreTrainedModel:
        """Return the model; each layer at first adds nothing to its input."""
        model = Starcoder2ForCausalLM(_configuration(self.shape))
        for layer in model.model.layers:
            torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
            torch.nn.init.zeros_(layer.mlp.c_proj.weight)
        return model

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return Muon with AdamW, and the schedule."""
        optimizer = muon_with_adamw(self.model, learning_rate=self.schedule.rate, weight_decay=self.weight_decay)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, self.schedule.factor), "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Record the recipe in the checkpoint."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[MADE_WITH] = self.made_with


def _configuration(shape: Shape) -> Starcoder2Config:
    """Return the model's configuration; StarCoder2's own default ids of begin and end lie outside our vocabulary."""
    return Starcoder2Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=POSITIONS,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        sliding_window=None,
        tie_word_embeddings=True,
        residual_dropout=0.0,
        embedding_dropout=0.0,
        attention_dropout=0.0,
    )


def _run(module: Pretraining, data: PretrainingRows, folder: Path, *, steps: int, resume: Path | None) -> None:
    """Train, and leave ``last.ckpt`` in ``folder``, also on SIGTERM.

    Args:
        module: The training.
        data: Its rows, opened.
        folder: For checkpoint and log.
        steps: Optimizer steps up to which to train.
        resume: The checkpoint to go on from; None to begin with random weights.
    """
    if steps > len(data.plan):  # Lightning would begin one empty epoch after the other, without a word
        raise InputError(
            f"step {steps} is wanted, and the corpus ends with step {len(data.plan)} of {data.batch_tokens} tokens:"
            " give fewer --steps, a smaller --decay or smaller --batch-tokens"
        )
    keep = ModelCheckpoint(
        dirpath=folder,
        filename="last",
        train_time_interval=timedelta(minutes=4),
        save_on_exception=True,
        enable_version_counter=False,
    )
    trainer = Trainer(
        accelerator="auto",
        devices=1,
        precision="bf16-mixed",
        max_steps=steps,
        max_epochs=-1,
        gradient_clip_val=1.0,
        val_check_interval=STEPS_BETWEEN_VALIDATIONS,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=20,
        logger=CSVLogger(folder, name="log"),
        callbacks=[keep, Progress()],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    seed_everything(0, verbose=False)
    trainer.fit(module, data, ckpt_path=resume, weights_only=False)
    trainer.save_checkpoint(folder / "last.ckpt")


def train(
    store: Path, tokenizer: Path, folder: Path, *, steps: int, batch_tokens: int, shape: Shape, schedule: Schedule
) -> None:
    """Run the stable phase, from the checkpoint in ``folder`` if there is one.

    Args:
        store: The folder of the store.
        tokenizer: The folder of the tokenizer.
        folder: For checkpoint and log.
        steps: Optimizer steps up to which to train.
        batch_tokens: Tokens in a batch.
        shape: The size of the model.
        schedule: The learning rate schedule.

    Raises:
        InputError: The checkpoint was made with another recipe, or the data end before ``steps``.
    """
    last = folder / "last.ckpt"
    data = PretrainingRows(store, batch_tokens=batch_tokens)
    data.setup()
    module = Pretraining(shape, schedule)
    module.made_with = _recipe(module, data, tokenizer)
    if last.exists():
        refuse_other_recipe(last, module.made_with)
    _run(module, data, folder, steps=steps, resume=last if last.exists() else None)


def finish(store: Path, tokenizer: Path, last: Path, folder: Path, *, batch_tokens: int, module: Pretraining) -> None:
    """Run the decay of ``module``'s schedule, or go on with one that was begun.

    Args:
        store: The folder of the store.
        tokenizer: The folder of the tokenizer.
        last: The checkpoint of the stable phase to begin from.
        folder: For the decay's own checkpoint and log.
        batch_tokens: Tokens in a batch.
        module: The training, whose schedule has a decay.

    Raises:
        InputError: The checkpoint was made with another recipe, or the data end before the decay does.
    """
    begins, decay = module.schedule.decay_from, module.schedule.decay
    assert begins is not None, "the schedule of a decay has a first step"
    data = DecayRows(store, batch_tokens=batch_tokens, begins=begins)
    data.setup()
    wanted = _recipe(module, data, tokenizer)
    refuse_other_recipe(last, wanted | {"decay_from": None, "decay": 0})
    module.made_with = wanted | {"begun from": digest_of_weights(last)}
    own, resume = folder / "last.ckpt", last
    if own.exists():
        if recorded_recipe(own) == module.made_with:
            resume = own
        else:
            log.info("%s is of another decay: this one begins anew from %s", own, last)
    _run(module, data, folder, steps=begins + decay, resume=resume)


def _recipe(module: Pretraining, data: PretrainingRows, tokenizer: Path) -> Recipe:
    """Return the recipe of a run, whose data are open."""
    digest = hashlib.sha256((tokenizer / "tokenizer.json").read_bytes()).hexdigest()
    used = {"batch tokens": data.batch_tokens, "store": data.digest(), "tokenizer": digest}
    return asdict(module.shape) | asdict(module.schedule) | used
