"""Training in sittings: a long stable phase, and from any checkpoint of it a short decay to a finished model."""

import hashlib
import logging
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel, Starcoder2Config, Starcoder2ForCausalLM

from codelm.errors import InputError
from codelm.modules.causal_lm import CausalLM
from experiments.pretrain.checkpoints import MADE_WITH, Recipe, recorded, refuse_another, weights
from experiments.pretrain.optimizers import muon_with_adamw
from experiments.pretrain.rows import DecayRows, PretrainingRows

log = logging.getLogger(__name__)

POSITIONS = 4096
WEIGHT_DECAY = 0.01
STEPS_BETWEEN_LOOKS = 500


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of the model."""

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
"""What fits the package: 20 MB from a CPU, 40 from a GPU."""


@dataclass(frozen=True, slots=True)
class Course:
    """How the learning rate runs, in optimizer steps.

    Attributes:
        rate: Its highest value.
        warmup: Steps over which it rises.
        decay_from: The step from which it falls; None for never.
        decay: Steps over which it falls to 0.
    """

    rate: float = 6e-3
    warmup: int = 200
    decay_from: int | None = None
    decay: int = 0

    def factor(self, step: int) -> float:
        """Return the share of the highest rate at ``step``.

        >>> course = Course(warmup=2, decay_from=4, decay=4)
        >>> [course.factor(step) for step in range(8)]
        [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
        """
        if self.decay_from is not None and step >= self.decay_from:
            return max(0.0, 1 - (step - self.decay_from) / max(1, self.decay))
        return min(1.0, (step + 1) / self.warmup)


class Pretraining(CausalLM):
    """A StarCoder2 of its own shape, from random weights."""

    def __init__(self, shape: Shape, course: Course) -> None:
        super().__init__(learning_rate=course.rate, weight_decay=WEIGHT_DECAY)
        self.shape = shape
        self.course = course
        self.made_with: Recipe = {}

    def build(self) -> PreTrainedModel:
        """Return the model, each layer of which at first adds nothing to its input."""
        model = Starcoder2ForCausalLM(configuration(self.shape))
        for layer in model.model.layers:
            torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
            torch.nn.init.zeros_(layer.mlp.c_proj.weight)
        return model

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return Muon with AdamW, on the course."""
        optimizer = muon_with_adamw(self.model, learning_rate=self.course.rate, weight_decay=self.weight_decay)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": LambdaLR(optimizer, self.course.factor), "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say what the checkpoint was made with."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[MADE_WITH] = self.made_with


def configuration(shape: Shape) -> Starcoder2Config:
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


class Progress(Callback):
    """Write a line about the run now and then, and its held-out bits per byte beside the loss."""

    def __init__(self, every_seconds: float = 60.0) -> None:
        self.every_seconds = every_seconds

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count."""
        self.said, self.tokens = time.monotonic(), tokens(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say how fast it goes, when it is time."""
        if (elapsed := time.monotonic() - self.said) >= self.every_seconds:
            speed = (tokens(trainer) - self.tokens) / elapsed
            say(trainer, f"{speed:.0f} tokens/s, loss {float(trainer.callback_metrics['train/loss']):.3f}")
            self.said, self.tokens = time.monotonic(), tokens(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Turn the loss into bits per byte; parts of long files begin without context, which full evaluation gives."""
        bits = float(trainer.callback_metrics["val/loss"]) * rows_of(trainer).bits_per_nat()
        say(trainer, f"held-out bits per byte {bits:.4f}")


def rows_of(trainer: Trainer) -> PretrainingRows:
    """Return the trainer's data."""
    return trainer.datamodule  # type: ignore[attr-defined,no-any-return]


def tokens(trainer: Trainer) -> int:
    """Return how many tokens the run has read so far."""
    return rows_of(trainer).tokens(trainer.global_step)


def say(trainer: Trainer, sentence: str) -> None:
    """Log a sentence with its place in the run."""
    log.info("step %d, %.2f M tokens: %s", trainer.global_step, tokens(trainer) / 1e6, sentence)


def run(module: Pretraining, data: PretrainingRows, folder: Path, *, steps: int, resume: Path | None) -> None:
    """Train up to ``steps``, from a checkpoint if there is one; leave ``last.ckpt`` in ``folder``, also on SIGTERM.

    Raises:
        InputError: The data end before.
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
        val_check_interval=STEPS_BETWEEN_LOOKS,
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
    store: Path, tokenizer: Path, folder: Path, *, steps: int, batch_tokens: int, shape: Shape, course: Course
) -> None:
    """Run the stable phase; it goes on where ``folder`` was left.

    Raises:
        InputError: What was left there was made with something else, or the data end before ``steps``.
    """
    last = folder / "last.ckpt"
    data = PretrainingRows(store, batch_tokens=batch_tokens)
    data.setup()
    module = Pretraining(shape, course)
    module.made_with = recipe(shape, course, data, tokenizer)
    if last.exists():
        refuse_another(last, module.made_with)
    run(module, data, folder, steps=steps, resume=last if last.exists() else None)


def finish(store: Path, tokenizer: Path, last: Path, folder: Path, *, batch_tokens: int, module: Pretraining) -> None:
    """Go on from a checkpoint while the rate of ``module`` falls, in a ``folder`` of its own, or from where that is.

    Raises:
        InputError: The checkpoint was made with something else, or the data end before the decay does.
    """
    begins, decay = module.course.decay_from, module.course.decay
    assert begins is not None, "the course of a decay says where it begins"
    data = DecayRows(store, batch_tokens=batch_tokens, begins=begins)
    data.setup()
    wanted = recipe(module.shape, module.course, data, tokenizer)
    refuse_another(last, wanted | {"decay_from": None, "decay": 0})
    module.made_with = wanted | {"begun from": weights(last)}
    left, resume = folder / "last.ckpt", last
    if left.exists():
        if recorded(left) == module.made_with:
            resume = left
        else:
            log.info("%s is of another decay: this one begins anew from %s", left, last)
    run(module, data, folder, steps=begins + decay, resume=resume)


def recipe(shape: Shape, course: Course, data: PretrainingRows, tokenizer: Path) -> Recipe:
    """Return what a run on opened data is made with."""
    spelled = (tokenizer / "tokenizer.json").read_bytes()
    used = {"batch tokens": data.batch_tokens, "store": data.digest(), "tokenizer": hashlib.sha256(spelled).hexdigest()}
    return asdict(shape) | asdict(course) | used
