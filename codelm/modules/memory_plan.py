"""How many rows at a time fit into memory, by the traced step of a base; decided before its weights are loaded."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch

from codelm.devices import HOST_SHARE, free_memory
from codelm.modules.step_memory import StepMemory

__all__ = ["MemoryPlan", "free_bytes", "largest_batch"]

_GIB, _MIB = 2**30, 2**20
_SHARE, _FIXED = 0.1, 0.7 * _GIB
"""What is set aside for workspaces of kernels, the device's context and fragmentation, which nothing here counts: a
share of what is counted, and bytes. Estimates: they have not been measured on a GPU."""
_TOLERANCE = 1.05
"""By how much rows may seem not to fit, from what one row adds, and are traced all the same."""


class MemoryPlan(NamedTuple):
    """What a training step needs, and what there is.

    Attributes:
        rows: Rows at a time.
        step: The traced step.
        free: Bytes of the device that nothing uses yet.
        device: Its name, as torch has it.
        host_free: Bytes of the host's memory that nothing uses yet.
    """

    rows: int
    step: StepMemory
    free: int
    device: str
    host_free: int

    @property
    def margin(self) -> int:
        """Bytes set aside for what is not counted."""
        return round(_SHARE * self.step.peak + _FIXED)

    @property
    def fits(self) -> bool:
        """Whether there is memory for what is counted and for the margin."""
        return self.step.peak + self.margin <= self.free and not self.host_is_short

    @property
    def host_is_short(self) -> bool:
        """Whether the host has too little memory for the activations that it is to keep."""
        return self.step.host > HOST_SHARE * self.host_free

    @property
    def is_hopeless(self) -> bool:
        """Whether there is not even memory for what is counted."""
        return self.step.peak > self.free or self.step.host > self.host_free

    def __str__(self) -> str:
        """Return the plan in one line."""
        unit, name_of_unit, digits = (_GIB, "GiB", 2) if self.step.peak >= _GIB else (_MIB, "MiB", 0)
        parts = ", ".join(f"{name} {size / unit:.{digits}f}" for name, size in self.step.parts.items() if size >= _MIB)
        host = f"; the host keeps {self.step.host / _GIB:.2f} GiB for it and has {self.host_free / _GIB:.2f} free"
        return (
            f"a step with {self.rows} row{'s' if self.rows > 1 else ''} at a time needs "
            f"{self.step.peak / unit:.{digits}f} {name_of_unit} ({parts or 'all parts small'}) and about "
            f"{self.margin / _GIB:.1f} GiB beside it; {self.device} has {self.free / _GIB:.2f} GiB free"
            f"{host if self.step.host else ''}"
        )


def free_bytes(device: torch.device) -> int:
    """Return how many bytes of a device's memory nothing uses yet; of a CPU, what this process may take."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else free_memory()


def largest_batch(trace: Callable[[int], StepMemory], rows: int, free: int, device: str, host_free: int) -> MemoryPlan:
    """Return the plan with the most rows at a time that fit and divide a step's rows; with one row if none fits.

    Args:
        trace: Returns the memory of a step with so many rows at a time.
        rows: Rows of an optimizer step.
        free: Bytes that nothing uses yet.
        device: The device's name.
        host_free: Bytes of the host's memory that nothing uses yet.
    """
    plan = cache(lambda count: MemoryPlan(count, trace(count), free, device, host_free))
    fewer = [count for count in range(rows, 0, -1) if rows % count == 0]
    if len(fewer) > 2 and plan(1).fits:  # each row adds about the same, so that few are traced
        per_row = max(1, plan(fewer[-2]).step.peak - plan(1).step.peak) / (fewer[-2] - 1)
        left = free - plan(1).step.peak - plan(1).margin
        fewer = [count for count in fewer if (count - 1) * per_row * (1 + _SHARE) <= left * _TOLERANCE]
    return next((plan(count) for count in fewer if plan(count).fits), plan(1))
