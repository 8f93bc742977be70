"""The checkpoints of a training: the best ones, and the last, from which it goes on."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

from jsonargparse.typing import NonNegativeFloat
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.optim import Optimizer

from codelm.batch import Batch
from codelm.lightning_checkpoints import settle
from codelm.lightning_internals import (
    count_steps_for_loggers,
    is_at_end_of_epoch,
    is_within_step,
    place,
    saves_at_end_of_epoch,
    settle_resumed,
    validation_is_due,
)
from codelm.runs.checkpoints import LAST, MARK, found_beside
from codelm.runs.trainer import validates_training
from codelm.stopping_signals import HeldStops

__all__ = ["Checkpoints"]


class Checkpoints(ModelCheckpoint):
    """Lightning's checkpoints of the best weights, and ``last.ckpt``, from which a run goes on as if never stopped.

    ``last.ckpt`` is replaced after each validation, when training ends or is stopped, and every so often between.
    Lightning 2.6 writes it only where it writes one of the best. Each checkpoint says where its last optimizer step
    ended; a validation that was not over when it was written is done anew. Where ``max_steps`` ends a run within an
    epoch, it is validated there.

    A stopping signal that comes within an optimizer step waits until the step is over for all callbacks too: weights,
    moments, learning rate and losses are of the same step then.

    Args:
        monitor: The metric by which the best are chosen; null for the newest.
        save_last: Whether to keep ``last.ckpt``.
        last_every_minutes: Minutes of training within an epoch from one ``last.ckpt`` to the next.
        every_n_train_steps: Optimizer steps from one checkpoint to the next; with a metric of validation, which is not
            known in between, from one ``last.ckpt`` to the next.
        train_time_interval: The same as a time; then ``last_every_minutes`` counts for nothing.
        every_n_epochs: Epochs from one choice of the best to the next.
    """

    def __init__(
        self,
        *,
        monitor: str | None = None,
        save_last: bool | str | None = True,
        last_every_minutes: NonNegativeFloat = 5.0,
        every_n_train_steps: int | None = None,
        train_time_interval: timedelta | None = None,
        every_n_epochs: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.keeps_last = save_last not in (False, None)
        self.last_every_seconds = 60 * last_every_minutes
        self.last_every_steps: int | None = None
        if monitor is not None and monitor.startswith("val/"):
            self.last_every_steps, every_n_train_steps = every_n_train_steps, None
            if train_time_interval is not None:
                self.last_every_seconds, train_time_interval = train_time_interval.total_seconds(), None
        super().__init__(
            monitor=monitor,
            save_last=False,
            every_n_train_steps=every_n_train_steps,
            train_time_interval=train_time_interval,
            every_n_epochs=every_n_epochs,
            **kwargs,
        )
        self.written = self.last_step = 0.0
        self.validated: tuple[int, int] | None = None
        self.states_before_validation: dict[str, Any] | None = None
        self.stops = HeldStops()

    @property
    def state_key(self) -> str:
        """The key of Lightning's own class, under which checkpoints of earlier versions keep the state."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to count the time; all that is restored is restored by now."""
        super().on_train_start(trainer, pl_module)
        settle_resumed(trainer)
        count_steps_for_loggers(trainer)
        self.written, self.last_step = time.monotonic(), trainer.global_step
        self.validated = self.states_before_validation = None
        self.resumed = True

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Let loggers go on counting from where they were."""
        if self.resumed:
            count_steps_for_loggers(trainer)
            self.resumed = False

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Let a stopping signal wait."""
        self.stops.begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Write ``last.ckpt`` behind an optimizer step if it is time to, and no validation follows which does."""
        if not is_within_step(trainer):
            self.states_before_validation = None
            if 0 < trainer.max_steps <= trainer.global_step:
                trainer.should_stop = True  # so that Lightning validates
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        goes_on = not (is_within_step(trainer) or is_at_end_of_epoch(trainer) or trainer.should_stop)
        if goes_on and self._is_time(trainer) and not validation_is_due(trainer):
            self.write_last(trainer)
        if self.stops.half_done:  # behind all other callbacks: Lightning puts checkpoints last
            self.stops.end()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Let no signal wait; Lightning writes a checkpoint here where it is asked to."""
        self.stops.give_up()
        super().on_exception(trainer, pl_module, exception)

    def _is_time(self, trainer: Trainer) -> bool:
        is_time = time.monotonic() - self.written >= self.last_every_seconds
        if self.last_every_steps:
            is_time = is_time or trainer.global_step - self.last_step >= self.last_every_steps
        return bool(trainer.strategy.broadcast(is_time)) if trainer.world_size > 1 else is_time

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the state of all callbacks, for a checkpoint that is written before the validation is over."""
        if validates_training(trainer) and self.states_before_validation is None:
            callbacks = trainer.callbacks  # type: ignore[attr-defined]
            states = [(one.state_key, one.state_dict()) for one in callbacks]
            self.states_before_validation = {key: deepcopy(state) for key, state in states if state}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the best if this is one, and ``last.ckpt``; where that waits for the epoch's end, so does the other."""
        if not validates_training(trainer):
            return
        ends_epoch = is_at_end_of_epoch(trainer) or trainer.should_stop
        waits = is_within_step(trainer) or (ends_epoch and saves_at_end_of_epoch(self, trainer))
        with nullcontext() if waits else self._over(trainer):
            super().on_validation_end(trainer, pl_module)
        if not is_within_step(trainer):
            self.write_last(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the best if this is one, and ``last.ckpt``."""
        with self._over(trainer):
            super().on_train_epoch_end(trainer, pl_module)
        self.write_last(trainer)

    @contextmanager
    def _over(self, trainer: Trainer) -> Iterator[None]:
        """Remember that all callbacks know of the validation, from here on unless the best cannot be saved.

        Lightning counts a file among the best before it is written, and removes the one before it after that: where it
        is stopped in between, what it remembers is not what there is, and the validation is done anew.
        """
        before = self.states_before_validation, self.validated
        self.states_before_validation, self.validated = None, place(trainer)
        try:
            yield
        except BaseException:
            self.states_before_validation, self.validated = before
            raise

    def _validates(self, trainer: Trainer) -> bool:
        """Return whether a validation is still to be done behind the last batch, or not over."""
        return validation_is_due(trainer) and place(trainer) != self.validated

    def write_last(self, trainer: Trainer, save: Callable[[Trainer, Path], None] = Trainer.save_checkpoint) -> None:
        """Replace ``last.ckpt``, in one step, by means of ``save``.

        Not where the validation at ``max_steps`` is not over: Lightning would find nothing left to do, and not measure.
        """
        if self.keeps_last and self.dirpath and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            path = Path(self.dirpath) / LAST
            if 0 < trainer.max_steps <= trainer.global_step and self._validates(trainer) and path.is_file():
                return
            self.last_model_path = str(path)
            save(trainer, path)
            self.written, self.last_step = time.monotonic(), trainer.global_step
            if trainer.is_global_zero:
                for older in Path(self.dirpath).glob("last-v*.ckpt"):  # of earlier versions
                    older.unlink()

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let the checkpoint say where it was written, and how good it is."""
        states = self.states_before_validation
        settle(checkpoint, trainer.accumulate_grad_batches, validates=self._validates(trainer))
        if states is not None:
            checkpoint["callbacks"] = deepcopy(states)
        score = None if self.current_score is None else float(self.current_score)
        checkpoint[MARK] = {"score": score, "mode": self.mode}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take a checkpoint of an earlier version, and one whose folder was moved."""
        if MARK not in checkpoint and checkpoint.get("loops"):
            settle(checkpoint, trainer.accumulate_grad_batches, validates=False)
        state = checkpoint["callbacks"].get(self.state_key)
        if state is not None and trainer.ckpt_path:
            checkpoint["callbacks"][self.state_key] = self._moved(state, Path(trainer.ckpt_path).absolute().parent)

    def _moved(self, state: dict[str, Any], folder: Path) -> dict[str, Any]:
        """Return the state of a checkpoint with its files where they are now: in the folder of that checkpoint."""
        models = {found_beside(folder, path): score for path, score in state["best_k_models"].items()}
        models.pop(None, None)
        order = sorted(models, key=lambda path: float(models[path]), reverse=self.mode == "max")
        best = order[0] if order else found_beside(folder, state["best_model_path"]) or ""
        is_full = order and len(order) == self.save_top_k
        return state | {
            "dirpath": self.dirpath,
            "best_k_models": models,
            "best_model_path": best,
            "best_model_score": models.get(best),
            "kth_best_model_path": order[-1] if is_full else "",
            "kth_value": models[order[-1]] if is_full else self.kth_value,
            "last_model_path": "",
        }

    def file_exists(self, filepath: str | Path, trainer: Trainer) -> bool:
        """Return whether a name is taken; not by a file of a run that was killed before it had written it down."""
        if self.monitor is None:
            return bool(super().file_exists(filepath, trainer))
        return str(filepath) in self.best_k_models
