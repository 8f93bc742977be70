"""Training steps of codelm, by a trainer of Lightning's."""

from dataclasses import dataclass
from random import Random
from typing import Any
from zlib import crc32

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from codelm.bases.tokenizer import load_tokenizer
from codelm.modules import LoRA, LoRACausalLM
from codelm.modules.precision import auto_precision
from experiments.bench.children.packed_rows import token_rows, training_batch
from experiments.bench.children.step_times import StepTimes

__all__ = ["CLIP", "LEARNING_RATE", "StepSettings", "adapter", "outcome", "train"]

LEARNING_RATE = 1e-3
CLIP = 1.0


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What the training steps of codelm and of its peers have in common.

    Attributes:
        base: Name or folder of the base.
        rows: Rows in a batch.
        tokens: Tokens in a row.
        checkpointing: Whether activations are computed again in the backward pass.
        steps: Timed steps; one more comes before them.
    """

    base: str
    rows: int
    tokens: int
    checkpointing: bool
    steps: int

    def token_rows(self) -> list[list[int]]:
        """Return the token ids of all rows, in the order in which they are trained on."""
        return token_rows(load_tokenizer(self.base), self.rows * (self.steps + 1), self.tokens)


def train(**settings: Any) -> dict[str, Any]:
    """Train an adapter for one step, and for some timed ones after it; ``settings`` are those of `StepSettings`."""
    given = StepSettings(**settings)
    model = LoRACausalLM(
        given.base,
        lora=adapter(),
        gradient_checkpointing=given.checkpointing,
        learning_rate=LEARNING_RATE,
        warmup=0.0,
    )
    ids, random = given.token_rows(), Random(0)
    batches: Any = [training_batch(ids[start : start + given.rows], random) for start in range(0, len(ids), given.rows)]
    times = _TimesFromEqualWeights()
    trainer = Trainer(
        accelerator="cpu",
        precision=auto_precision("cpu"),
        max_steps=given.steps + 1,
        gradient_clip_val=CLIP,
        callbacks=[times],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(batches, batch_size=None))
    return outcome(times.ends, times.losses, given.rows * given.tokens)


def adapter() -> LoRA:
    """Return the settings of the adapter that all train."""
    return LoRA(r=16, alpha=32, dropout=0.0)


def outcome(ends: list[float], losses: list[float], tokens: int) -> dict[str, Any]:
    """Return speed and losses of the steps after the first.

    Args:
        ends: When each step had ended, in seconds.
        losses: The mean loss of each step, in nats.
        tokens: Tokens of a step.
    """
    speed = tokens * (len(ends) - 1) / (ends[-1] - ends[0])
    return {"tokens_per_second": speed, "losses": losses, "last_loss": losses[-1]}


class _TimesFromEqualWeights(StepTimes):
    """Times the steps of an adapter that begins with the same weights, whatever a build draws while it loads."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the weights of each first matrix from a seed of its name; the second ones are 0."""
        for name, parameter in pl_module.named_parameters():
            if parameter.requires_grad and "lora_A" in name:
                generator = torch.Generator().manual_seed(crc32(name.encode()))
                bound = parameter.shape[1] ** -0.5  # as PEFT draws them
                drawn = torch.rand(parameter.shape, generator=generator)
                parameter.data.copy_(bound * (2 * drawn - 1))
