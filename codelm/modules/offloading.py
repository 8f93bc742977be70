"""What gradient checkpointing keeps for the backward pass, kept in the host's memory meanwhile."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks

__all__ = ["activations_on_host", "can_offload", "traced_as_offloaded"]


def can_offload(device_type: str) -> bool:
    """Return whether a device has a memory of its own, beside the host's, to and from which PyTorch copies."""
    return device_type == "cuda"


def activations_on_host(device: torch.device, *, wanted: bool) -> AbstractContextManager[None]:
    """Return a context in which a forward pass keeps its activations in the host's memory, where that is wanted.

    They are copied there and back as they are, through pinned memory, so that no one waits for a copy but the device.
    """
    offloads = wanted and can_offload(device.type)
    return save_on_cpu(pin_memory=True, device_type=device.type) if offloads else nullcontext()


def traced_as_offloaded(count: Callable[[int], None]) -> AbstractContextManager[None]:
    """Return the same for tensors without values, all of which are on one device: what is kept is not there.

    Args:
        count: Takes the bytes of each tensor that the host keeps.
    """

    def keep(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
        count(tensor.nbytes)
        return tensor.shape, tensor.dtype

    return saved_tensors_hooks(keep, lambda kept: torch.empty(kept[0], dtype=kept[1]))
