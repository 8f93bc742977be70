"""Low-rank adapters and quantised optimizers: the one room that talks to peft and bitsandbytes."""

from typing import Any

from torch.optim import Optimizer


def paged_adamw_8bit(groups: list[dict[str, Any]], *, learning_rate: float) -> Optimizer:
    """Return AdamW with 8-bit moments in memory that the GPU may page out to the host."""
    # Imported here: it takes seconds, and is asked for on CUDA only.
    from bitsandbytes.optim.adamw import PagedAdamW8bit

    optimizer: Optimizer = PagedAdamW8bit(groups, lr=learning_rate)
    return optimizer
