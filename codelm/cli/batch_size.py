"""The rows at a time of a run, decided and compared with the memory there is before anything is loaded."""

import logging
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from codelm.errors import ResourceError
from codelm.modules.memory_plan import MemoryPlan, free_bytes, largest_batch
from codelm.modules.precision import compute_dtype
from codelm.modules.step_memory import StepMemory, UntraceableError, trace_step
from codelm.runs.batch_size import batch_settings, change_batch_size, round_limits
from codelm.runs.checkpoints import read_settings

__all__ = ["settle_batch_size", "take_rows_of_checkpoint"]

log = logging.getLogger(__name__)


def take_rows_of_checkpoint(trainer: Trainer, datamodule: Any, checkpoint: str) -> None:
    """Where rows at a time are to be chosen, take those of the checkpoint if they divide the rows of a step."""
    saved = read_settings(Path(checkpoint)).get("data.batch_size") if datamodule.chooses_batch_size else None
    if saved and datamodule.batch_size * trainer.accumulate_grad_batches % saved == 0:
        round_limits(trainer)
        change_batch_size(trainer, datamodule, saved)
        datamodule.chooses_batch_size = False


def settle_batch_size(trainer: Trainer, model: Any, datamodule: Any) -> dict[str, Any]:
    """Say what memory a training step needs and what there is; where it is to be chosen, take the rows that fit.

    An optimizer step has the datamodule's batch size times the trainer's accumulated batches in rows, before and after.
    Processes that a launcher has started choose each for itself; `MemoryTrial` lets them agree.

    Args:
        trainer: Its accumulated batches, and limits that count batches, change with the rows.
        model: The settings of base and adapters; `check` comes first.
        datamodule: Says whether rows at a time are to be chosen, and has them afterwards.

    Returns:
        The settings that were decided, by their full names.

    Raises:
        ResourceError: Not even what is counted of the step would fit.
    """
    auto: bool = datamodule.chooses_batch_size
    try:
        plan = _plan(trainer, model, datamodule, auto=auto)
    except UntraceableError as error:
        log.warning("%s%s", error, f"; taking {datamodule.batch_size} row at a time" if auto else "")
        return batch_settings(trainer, datamodule)
    if plan.is_hopeless:
        raise ResourceError(f"{plan}: {_remedy(plan, trainer, auto=auto)}")
    log.info("memory: %s", plan)
    if not plan.fits:
        log.warning("memory may run out: %s", _remedy(plan, trainer, auto=auto))
    if auto:
        round_limits(trainer)
        change_batch_size(trainer, datamodule, plan.rows)
    return batch_settings(trainer, datamodule)


def _plan(trainer: Trainer, model: Any, datamodule: Any, *, auto: bool) -> MemoryPlan:
    """Return the plan of the rows at a time that were given, or with ``auto`` of those that fit."""
    device, dtype = trainer.strategy.root_device, compute_dtype(model.precision)
    free, name = free_bytes(device), str(device)

    def trace(rows: int) -> StepMemory:
        return trace_step(model, rows=rows, tokens=datamodule.sequence_length, dtype=dtype, device=device.type)

    if auto:
        return largest_batch(trace, datamodule.batch_size * trainer.accumulate_grad_batches, free, name)
    return MemoryPlan(datamodule.batch_size, trace(datamodule.batch_size), free, name)


def _remedy(plan: MemoryPlan, trainer: Trainer, *, auto: bool) -> str:
    """Return what makes a step need less."""
    overlay = "" if plan.device == "cpu" else "--config configs/hardware/6gb.yaml, "
    if plan.rows > 1 and not auto:
        rows = plan.rows * trainer.accumulate_grad_batches
        return f"give {overlay}--data.batch_size auto with --trainer.accumulate_grad_batches {rows}: a step's rows stay"
    return f"give {overlay}a shorter --data.sequence_length or a smaller base, or close what else uses the memory"
