"""What callbacks ask about the run they are in, and how they leave it as it was."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.seed import isolate_rng
from torch import Tensor

Kind = TypeVar("Kind", bound=Callback)


def run_folder(trainer: Trainer) -> Path:
    """Return the folder of this run: the logger's, or the trainer's where nothing is logged."""
    return Path(trainer.log_dir or trainer.default_root_dir)


def companion(trainer: Trainer, kind: type[Kind]) -> Kind | None:
    """Return the trainer's first callback of a kind; None if it has none."""
    return next((callback for callback in trainer.callbacks if isinstance(callback, kind)), None)  # type: ignore[attr-defined]


def writes(trainer: Trainer) -> bool:
    """Return whether this process leaves files behind: the first one, in training, unless the run is a rehearsal."""
    return trainer.is_global_zero and trainer.state.fn == TrainerFn.FITTING and not trainer.fast_dev_run  # type: ignore[attr-defined]


def measures_training(trainer: Trainer) -> bool:
    """Return whether a validation that runs now is one of training, and not its sanity check or a run of its own."""
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


def log_scalars(trainer: Trainer, scalars: Mapping[str, float]) -> None:
    """Give numbers to the loggers at once, at the current step; for what is measured beside the batches."""
    for logger in trainer.loggers:
        logger.log_metrics(dict(scalars), step=trainer.global_step)


def sum_over_ranks(trainer: Trainer, values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes."""
    device = trainer.strategy.root_device
    if device.type == "mps":  # always one process, and no float64 on it
        return values.cpu()
    reduced: Tensor = trainer.strategy.reduce(values.to(device), reduce_op="sum").cpu()
    return reduced


@contextmanager
def untouched(trainer: Trainer, pl_module: LightningModule, seed: int) -> Iterator[None]:
    """Evaluate the model as validation does: in its precision, without gradients, from a random state of its own.

    Random state (torch on all devices, numpy, Python) and every module's train mode are afterwards what they were,
    also when the block fails.
    """
    modes = [(module, module.training) for module in pl_module.modules()]
    with restored_random_state(), trainer.precision_plugin.val_step_context(), torch.inference_mode():
        torch.manual_seed(seed)
        random.seed(seed)
        pl_module.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


@contextmanager
def restored_random_state() -> Iterator[None]:
    """Put all random states back at the end of the block, however it ends; Lightning's own does not after an error."""
    failure: BaseException | None = None
    with isolate_rng():
        try:
            yield
        except BaseException as error:
            failure = error
    if failure is not None:
        raise failure
