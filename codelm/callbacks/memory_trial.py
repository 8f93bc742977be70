"""Fewer rows at a time where a step does not fit into the memory of a GPU, found out before the first one."""

import logging
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.seed import isolate_rng

from codelm.batch import Batch, WeightedTokens, collate
from codelm.errors import ResourceError, is_out_of_memory
from codelm.lightning_checkpoints import count_in_other_batches
from codelm.lightning_internals import precision_of_step, to_device
from codelm.runs.batch_size import change_batch_size

__all__ = ["MemoryTrial"]

log = logging.getLogger(__name__)


class MemoryTrial(Callback):
    """Computes a full batch once before training; while memory does not suffice, takes fewer rows at a time.

    The rows of each optimizer step stay the same, and so does the result but for rounding and the draws of dropout.

    Args:
        on_cpu: Also on a CPU, where the system ends a process that asks for too much.
    """

    def __init__(self, *, on_cpu: bool = False) -> None:
        self.on_cpu = on_cpu
        self.checkpoint: dict[str, Any] | None = None

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the checkpoint of a training that goes on until its counts are restored, behind `on_fit_start`."""
        self.checkpoint = checkpoint if "loops" in checkpoint and trainer.state.fn == TrainerFn.FITTING else None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Find the rows that fit, before the loader is made; the model is on its device by now."""
        before = trainer.accumulate_grad_batches
        self._find_rows(trainer, pl_module, trainer.datamodule)  # type: ignore[attr-defined]
        if self.checkpoint is not None:
            count_in_other_batches(self.checkpoint, before, trainer.accumulate_grad_batches)
            self.checkpoint = None

    def _find_rows(self, trainer: Trainer, pl_module: LightningModule, data: Any) -> None:
        # Processes that a launcher has started may have found different memory.
        own = torch.tensor(data.batch_size, device=trainer.strategy.root_device)  # GPUs exchange no tensors of a CPU
        fewest = int(trainer.strategy.reduce(own, reduce_op="min"))
        if fewest < data.batch_size:
            log.info("a process has memory for %d rows at a time, this one for %d: all take %d", fewest, own, fewest)
        change_batch_size(trainer, data, fewest)
        if trainer.strategy.root_device.type == "cpu" and not self.on_cpu:
            return
        while not trainer.strategy.reduce_boolean_decision(_fits(trainer, pl_module, data), all=True):
            rows = data.batch_size
            fewer = next((count for count in range(rows - 1, 0, -1) if rows % count == 0), 0)
            if not fewer:
                raise ResourceError(
                    "out of GPU memory with one row at a time: give --config configs/hardware/6gb.yaml, a shorter "
                    "--data.sequence_length, or close what else uses the GPU"
                )
            change_batch_size(trainer, data, fewer)
            log.warning(
                "out of GPU memory with %d rows at a time: going on with %d, and %d batches of the same rows to a step",
                *(rows, fewer, trainer.accumulate_grad_batches),
            )


def _fits(trainer: Trainer, pl_module: Any, data: Any) -> bool:
    """Return whether there is memory for a batch all of whose tokens are learned; parameters and random state stay."""
    trained = [parameter for _, parameter in pl_module.trained()]
    try:
        with isolate_rng(), precision_of_step(trainer, trains=True):
            # AdamW makes its two moments in the first step only.
            moments = [torch.empty_like(parameter) for parameter in trained for _ in range(2)]
            total, _ = pl_module.weighted_nll(to_device(trainer, _full_batch(data.batch_size, data.sequence_length)))
            # Not by `backward`: that of data-parallel training waits for other processes.
            gradients = torch.autograd.grad(total, trained, allow_unused=True)
            del moments, gradients
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return False
    finally:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.empty_cache()
    return True


def _full_batch(rows: int, tokens: int) -> Batch:
    """Return rows of one sample each, all of whose tokens are learned."""
    sample = WeightedTokens(torch.zeros(tokens, dtype=torch.int64), torch.ones(tokens))
    return collate([[sample]] * rows)
