"""Functions of a Lightning trainer: run folder, sums over ranks, and a context that preserves its state."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

from codelm.lightning_internals import precision_of_step

__all__ = ["log_scalars", "preserved_state", "run_folder", "sum_over_ranks", "validates_training", "writes_files"]


def run_folder(trainer: Trainer) -> Path:
    """Return the folder of this run: the first logger's, or the trainer's where nothing is logged.

    Lightning's ``trainer.log_dir`` waits until all processes ask for it, and only the first one writes files.
    """
    logger = trainer.logger
    return Path(getattr(logger, "log_dir", None) or getattr(logger, "save_dir", None) or trainer.default_root_dir)


def writes_files(trainer: Trainer) -> bool:
    """Return whether this process writes the run's files: the first one, in training, unless with fast_dev_run."""
    return trainer.is_global_zero and trainer.state.fn == TrainerFn.FITTING and not trainer.fast_dev_run  # type: ignore[attr-defined]


def validates_training(trainer: Trainer) -> bool:
    """Return whether a validation that runs now is one of training, and not its sanity check or a run of its own."""
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


def log_scalars(trainer: Trainer, scalars: Mapping[str, float]) -> None:
    """Give numbers to the loggers at once, at the current step; for what is measured outside of batches."""
    for logger in trainer.loggers:
        logger.log_metrics(dict(scalars), step=trainer.global_step)


def sum_over_ranks(trainer: Trainer, values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, on the CPU."""
    device = trainer.strategy.root_device
    if device.type == "mps":  # always one process, and no float64 on it
        return values.cpu()
    reduced: Tensor = trainer.strategy.reduce(values.to(device), reduce_op="sum").cpu()
    return reduced


@contextmanager
def preserved_state(trainer: Trainer, pl_module: LightningModule, seed: int) -> Iterator[None]:
    """Evaluate the model as validation does: in its precision, without gradients, from a random state of its own.

    Random state (torch on all devices, numpy, Python) and every module's train mode are afterwards what they were,
    also when the block fails.
    """
    modes = [(module, module.training) for module in pl_module.modules()]
    random_state = isolate_rng()
    random_state.__enter__()
    try:
        with precision_of_step(trainer, trains=False), torch.inference_mode():
            torch.manual_seed(seed)
            random.seed(seed)
            pl_module.eval()
            yield
    finally:
        random_state.__exit__(None, None, None)  # as if all went well: after an error Lightning restores nothing
        for module, training in modes:
            module.training = training
