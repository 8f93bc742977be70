"""The choice, at the end of a training that went on from a saved adapter, between that one and the new one."""

import logging
import shutil
import time
from functools import partial
from typing import Any

from lightning.pytorch import Trainer

from codelm.errors import CodelmError, one_line
from codelm.evaluation.data import EvaluationData
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.settings import EvaluationSettings
from codelm.evaluation.tasks.adapter_change import adapter_change
from codelm.evaluation.time_budget import TimeBudget
from codelm.files import new_folder
from codelm.runs.evaluation import evaluated_model, has_history
from codelm.runs.finish.export_adapter import write_adapter
from codelm.runs.finish.step import FinishingStep
from codelm.runs.trainer import preserved_state, run_folder, writes_files
from codelm.runs.weights import set_weights, weights_set

__all__ = ["NOT_KEPT", "KeepBetter"]

log = logging.getLogger(__name__)

NOT_KEPT = "adapter-not-kept"
"""The folder of a new adapter that was not better."""
_SHARE = 0.25
"""The share of the evaluation's minutes that the comparison takes at most; it is not taken from the evaluation."""


class KeepBetter(FinishingStep):
    """Keeps the adapter that a training began with, unless new held-out commits became easier by the training.

    It stands behind `ExportAdapter`, and does nothing after a training of a new adapter. Both adapters read the lines
    that the test part added. Where the new one needs as many bits per byte or more, the run's ``adapter`` is the old
    one, and the new one lies in ``adapter-not-kept``. Where that cannot be measured, the new one stays, with a warning.
    After a training that was stopped or failed, or whose comparison was stopped, the old one stands there until the run
    goes on: nothing says that the other is better.

    Args:
        settings: How many tokens and minutes an evaluation has.
    """

    def __init__(self, settings: EvaluationSettings | None = None) -> None:
        self.settings = settings or EvaluationSettings()

    def finish(self, trainer: Trainer, pl_module: Any) -> None:
        """Compare the two, and put back the first if it is not worse.

        Raises:
            ResourceError: An adapter cannot be written.
        """
        if writes_files(trainer):
            shutil.rmtree(run_folder(trainer) / NOT_KEPT, ignore_errors=True)  # of the run before it went on
        first = getattr(pl_module, "first_weights", None)
        if not (first and writes_files(trainer) and has_history(trainer) and trainer.global_step > 0):
            return
        self.record.refresh = {"unmeasured": "stopped", "kept": "new"}
        log.info("comparing with the adapter that the training began with, on held-out commits")
        try:
            found = self._compare(trainer, pl_module)
        except Exception as error:  # the training is saved, and must not be lost for a comparison
            log.debug("comparison", exc_info=error)
            why = str(error) if isinstance(error, CodelmError | UnmeasuredError) else one_line(error)
            log.warning("the adapter before could not be compared with, and the new one is kept: %s", why)
            self.record.refresh["unmeasured"] = why
            return
        is_easier = found["change_percent"] < 0
        if not is_easier:
            self._put_back(trainer, pl_module)
        self.record.refresh = found | {"kept": "new" if is_easier else "old"}

    def abort(self, trainer: Trainer, pl_module: Any, error: BaseException) -> None:
        """Put back the first where a new one was saved, and leave the model as it is: a checkpoint may follow."""
        if not (getattr(pl_module, "first_weights", None) and writes_files(trainer) and self.record.adapter):
            return
        self.record.refresh = {"unmeasured": "failed" if isinstance(error, Exception) else "stopped", "kept": "new"}
        if self.record.weights != "first":
            self._save_first(trainer, pl_module)
        self.record.refresh["kept"] = "old"

    def _compare(self, trainer: Trainer, pl_module: Any) -> dict[str, Any]:
        """Return the change that the training made on held-out commits, and the seconds it took to measure."""
        started, settings = time.perf_counter(), self.settings
        data = trainer.datamodule  # type: ignore[attr-defined]
        pl_module.to(trainer.strategy.root_device)  # Lightning has moved it to the CPU when training ended
        with preserved_state(trainer, pl_module, settings.seed):
            found = adapter_change(
                evaluated_model(trainer, pl_module, settings.batch_size),
                EvaluationData(data.store, data.encoder),
                settings.tokens,
                TimeBudget(60 * _SHARE * settings.minutes),
                partial(weights_set, pl_module, pl_module.first_weights),
            )
        return found | {"seconds": time.perf_counter() - started}

    def _put_back(self, trainer: Trainer, pl_module: Any) -> None:
        self._save_first(trainer, pl_module)
        set_weights(pl_module, pl_module.first_weights)  # for the evaluation

    def _save_first(self, trainer: Trainer, pl_module: Any) -> None:
        folder = run_folder(trainer)
        with new_folder(folder / NOT_KEPT) as copy:
            shutil.copytree(folder / "adapter", copy, dirs_exist_ok=True)
        with weights_set(pl_module, pl_module.first_weights):
            write_adapter(pl_module, folder / "adapter")
        self.record.weights, self.record.weights_step = "first", 0
