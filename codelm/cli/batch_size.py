"""The rows at a time of a run, decided and compared with the memory there is before anything is loaded."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.pytorch import Trainer

from codelm.devices import free_memory
from codelm.errors import ResourceError
from codelm.modules.memory_plan import MemoryPlan, free_bytes, largest_batch
from codelm.modules.precision import compute_dtype
from codelm.modules.step_memory import StepMemory, UntraceableError, trace_step
from codelm.runs.batch_size import BATCH_COUNTS, batch_settings, change_batch_size, round_limits
from codelm.runs.checkpoints import read_settings

__all__ = ["keep_rows_of_step", "settle_batch_size"]

log = logging.getLogger(__name__)


def keep_rows_of_step(settings: Namespace, configs: Sequence[Path], arguments: Sequence[str]) -> None:
    """Where ``auto`` stands over the number of rows of a configuration, let a step keep that configuration's rows.

    With ``auto``, `trainer.accumulate_grad_batches` counts rows; in a file that gives a number, such as the config.yaml
    of a run, it counts batches of so many, and so do the limits.

    Args:
        settings: Those of the command; changed in place.
        configs: The configurations that were given, of which later ones win.
        arguments: The command line: what it gives counts rows.
    """
    if settings.data.batch_size != "auto":
        return
    for path in reversed(configs):
        given = yaml.safe_load(path.read_text("utf-8"))
        # A group may be the name of a file that has it, which is not looked into.
        trainer, data = (each if isinstance(each := given.get(name), dict) else {} for name in ("trainer", "data"))
        rows = data.get("batch_size")
        if "accumulate_grad_batches" in trainer:
            for name in BATCH_COUNTS if isinstance(rows, int) else ():
                is_given = any(each.partition("=")[0] == f"--trainer.{name}" for each in arguments)
                if isinstance(trainer.get(name), int) and settings.trainer[name] == trainer[name] and not is_given:
                    settings.trainer[name] *= rows
            return


def settle_batch_size(trainer: Trainer, model: Any, datamodule: Any, checkpoint: str | None = None) -> dict[str, Any]:
    """Say what memory a training step needs and what there is; where it is to be chosen, take the rows that fit.

    A run that goes on takes the rows of its checkpoint if they fit and divide a step's, so that it ends bit for bit as
    one that was never stopped.

    An optimizer step has the datamodule's batch size times the trainer's accumulated batches in rows, before and after.
    Processes that a launcher has started choose each for itself; `MemoryTrial` lets them agree.

    Args:
        trainer: Its accumulated batches, and limits that count batches, change with the rows.
        model: The settings of base and adapters; `check` comes first.
        datamodule: Says whether rows at a time are to be chosen, and has them afterwards.
        checkpoint: The file that the run goes on from; None for a new run.

    Returns:
        The settings that were decided, by their full names.

    Raises:
        ResourceError: Not even what is counted of the step would fit.
    """
    auto: bool = datamodule.chooses_batch_size
    try:
        plan = _plan(trainer, model, datamodule, _rows_of(checkpoint) if auto else datamodule.batch_size)
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


def _rows_of(checkpoint: str | None) -> int | None:
    """Return the rows at a time with which a checkpoint was trained; None where there is none or it does not say."""
    return read_settings(Path(checkpoint)).get("data.batch_size") if checkpoint else None


def _plan(trainer: Trainer, model: Any, datamodule: Any, wanted: int | None) -> MemoryPlan:
    """Return the plan of the rows that are wanted; where they are to be chosen and these do not fit, of those that do.

    With ``auto`` the datamodule has one row at a time until it is settled.
    """
    device, dtype = trainer.strategy.root_device, compute_dtype(model.precision)
    there_is = free_bytes(device), str(device), free_memory()

    def trace(rows: int) -> StepMemory:
        return trace_step(model, rows=rows, tokens=datamodule.sequence_length, dtype=dtype, device=device.type)

    rows_of_step = datamodule.batch_size * trainer.accumulate_grad_batches
    if wanted and rows_of_step % wanted == 0:
        plan = MemoryPlan(wanted, trace(wanted), *there_is)
        if plan.fits or not datamodule.chooses_batch_size:
            return plan
    return largest_batch(trace, rows_of_step, *there_is)


def _remedy(plan: MemoryPlan, trainer: Trainer, *, auto: bool) -> str:
    """Return what makes a step need less."""
    if plan.step.adapters > plan.free:
        return "the adapters alone need more than there is, at any number of rows: give a smaller --model.lora.r"
    if plan.host_is_short:
        return "the host has to keep activations: give fewer rows at a time, or --model.activation_offloading false"
    overlay = "" if plan.device == "cpu" else "--config configs/hardware/6gb.yaml, "
    if overlay and not plan.step.host:
        overlay += "--model.activation_offloading true, "
    if plan.rows > 1 and not auto:
        return f"give {overlay}--data.batch_size auto: a step's {plan.rows * trainer.accumulate_grad_batches} rows stay"
    return f"give {overlay}a shorter --data.sequence_length or a smaller base, or close what else uses the memory"
