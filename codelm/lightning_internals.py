"""What codelm uses of Lightning's loops that Lightning does not document, all in one place.

Written against lightning 2.6. `ATTRIBUTES` lists every such name, beside the keys in `lightning_checkpoints`; a test
looks each of them up and says in a sentence which one an upgrade has moved.
"""

import signal
import threading
import traceback
from contextlib import AbstractContextManager, ContextDecorator
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, Timer
from lightning.pytorch.plugins import CheckpointIO, TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy

__all__ = [
    "ATTRIBUTES",
    "CLI_HOOKS",
    "attached_trainer",
    "batches_learned",
    "count_steps_for_loggers",
    "is_at_end_of_epoch",
    "is_within_step",
    "leave_sigterm_alone",
    "place",
    "precision_of_step",
    "print_figures_in",
    "save_alone",
    "saves_at_end_of_epoch",
    "set_root_folder",
    "set_up_validation_data",
    "settle_resumed",
    "starts_programs",
    "take_over",
    "to_device",
    "use_checkpoint_io",
    "validation_is_due",
    "was_restoring",
]

_EPOCH = "fit_loop.epoch_loop"
ATTRIBUTES = (
    *("_checkpoint_connector.dump_checkpoint", "_default_root_dir", "_signal_connector.register_signal_handlers"),
    *("fit_loop.restarting", "fit_loop._data_fetcher", "test_loop._print_results", "validate_loop._print_results"),
    *(f"{_EPOCH}.{name}" for name in ("restarting", "_batches_that_stepped", "_should_accumulate")),
    *(f"{_EPOCH}.{name}" for name in ("_should_check_val_fx", "val_loop.setup_data", "batch_progress.is_last_batch")),
    *(f"{_EPOCH}.batch_progress.{name}" for name in ("current.ready", "current.processed", "total.ready")),
    *(f"precision_plugin.{name}" for name in ("convert_input", "train_step_context", "val_step_context")),
    *("strategy.batch_to_device", "strategy.checkpoint_io", "strategy.save_checkpoint"),
)
"""Attributes of a `Trainer`."""

_CONNECTOR = "lightning.pytorch.trainer.connectors.checkpoint_connector"
"""The module whose functions ``restore...`` restore the states of a checkpoint."""

CLI_HOOKS = ("_parse_ckpt_path",)
"""Methods of `LightningCLI` that ours overrides."""


def attached_trainer(pl_module: LightningModule) -> Trainer | None:
    """Return the trainer of a module, or None; the documented property raises where there is none."""
    return pl_module._trainer


def batches_learned(trainer: Trainer) -> int:
    """Return how many batches of its epoch a run has learned that resumes from within one; 0 for all others."""
    if not trainer.fit_loop.restarting:
        return 0
    progress: Any = trainer.fit_loop.epoch_loop.batch_progress
    return 0 if progress.is_last_batch else int(progress.current.processed)


def is_at_end_of_epoch(trainer: Trainer) -> bool:
    """Return whether the batch that was trained last is the last one of its epoch."""
    return bool(trainer.fit_loop.epoch_loop.batch_progress.is_last_batch)


def set_up_validation_data(trainer: Trainer) -> None:
    """Have the validation's loader made as Lightning makes it, also where the first epoch ends without a validation."""
    if trainer.val_dataloaders is None:
        trainer.validating = True
        trainer.fit_loop.epoch_loop.val_loop.setup_data()
        trainer.training = True


def to_device(trainer: Trainer, batch: Any) -> Any:
    """Return a batch as validation gets it."""
    return trainer.strategy.batch_to_device(trainer.precision_plugin.convert_input(batch))


def precision_of_step(trainer: Trainer, *, trains: bool) -> AbstractContextManager[None]:
    """Return a context in which the model computes in the precision of training, or in that of validation."""
    plugin = trainer.precision_plugin
    context: AbstractContextManager[None] = plugin.train_step_context() if trains else plugin.val_step_context()
    return context


def use_checkpoint_io(trainer: Trainer, ours: CheckpointIO) -> None:
    """Let a trainer read and write checkpoints with ``ours`` instead of Lightning's own; a user's plugin stays."""
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        trainer.strategy.checkpoint_io = ours


def set_root_folder(trainer: Trainer, folder: Path) -> None:
    """Set the folder of a trainer without loggers; which process claims it is known once the trainer is made."""
    trainer._default_root_dir = str(folder)  # type: ignore[attr-defined]


def save_alone(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint without waiting for other processes, as `Trainer.save_checkpoint` does."""
    trainer.strategy.save_checkpoint(trainer._checkpoint_connector.dump_checkpoint(), path)


def starts_programs(strategy: DDPStrategy) -> bool:
    """Return whether the other processes of a training are programs of their own, and not copies of this one."""
    return strategy._start_method == "popen"


def leave_sigterm_alone(trainer: Trainer) -> None:
    """Keep the handler of SIGTERM: Lightning's waits for all processes, also for one that is in another collective."""
    connector = trainer._signal_connector
    register = connector.register_signal_handlers

    def register_others() -> None:
        before = signal.getsignal(signal.SIGTERM)
        register()
        if threading.current_thread() is threading.main_thread():  # in others Lightning has set none
            signal.signal(signal.SIGTERM, before)

    connector.register_signal_handlers = register_others  # type: ignore[method-assign]


def is_within_step(trainer: Trainer) -> bool:
    """Return whether the batch that was trained last has left a gradient that waits for more of its optimizer step."""
    return bool(trainer.fit_loop.epoch_loop._should_accumulate())


def validation_is_due(trainer: Trainer) -> bool:
    """Return whether Lightning validates behind the batch that was trained last."""
    loop = trainer.fit_loop
    return loop._data_fetcher is not None and bool(loop.epoch_loop._should_check_val_fx(loop._data_fetcher))


def place(trainer: Trainer) -> tuple[int, int]:
    """Return how many batches were trained in all, and how many of them in this epoch."""
    progress = trainer.fit_loop.epoch_loop.batch_progress
    return int(progress.total.ready), int(progress.current.ready)


def print_figures_in(context: ContextDecorator, trainer: Trainer) -> None:
    """Print the table of figures that ends a validation or test within a context."""
    for loop in (trainer.validate_loop, trainer.test_loop):
        loop._print_results = context(loop._print_results)  # type: ignore[method-assign]


def take_over(timer: Timer) -> float | None:
    """Return the seconds after which a timer would end the training, which it does no more; None without a limit."""
    limit, timer._duration = timer._duration, None
    return limit


def saves_at_end_of_epoch(checkpoints: ModelCheckpoint, trainer: Trainer) -> bool:
    """Return whether Lightning's choice of the best waits for an epoch's end, behind the validation."""
    return bool(checkpoints._should_save_on_train_epoch_end(trainer))


def settle_resumed(trainer: Trainer) -> None:
    """Begin an epoch as any other where the one before was over: with ``max_steps`` Lightning takes it for begun.

    Where all of an epoch's batches are learned and its validation is left to do, let it have as many as there are: in
    batches of another size than the checkpoint's, the last step may have fewer than the others by its rows.
    """
    loop = trainer.fit_loop.epoch_loop
    progress: Any = loop.batch_progress
    if progress.current.ready == 0:
        loop.restarting = False
    elif progress.is_last_batch:
        vars(progress.current).update(dict.fromkeys(vars(progress.current), int(trainer.num_training_batches)))


def count_steps_for_loggers(trainer: Trainer) -> None:
    """Let loggers count from the optimizer steps taken: resumed runs are one ahead for each validation on the way."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = trainer.global_step


def was_restoring(error: BaseException) -> bool:
    """Return whether an error was raised while Lightning restored the states of a checkpoint."""
    calls = (
        (frame.f_globals.get("__name__"), frame.f_code.co_name) for frame, _ in traceback.walk_tb(error.__traceback__)
    )
    return any(module == _CONNECTOR and name.lstrip("_").startswith("restore") for module, name in calls)
