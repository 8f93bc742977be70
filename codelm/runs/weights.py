"""The trained weights of a model: given to it, for good or for a while."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from codelm.errors import DamagedDataError

__all__ = ["set_weights", "weights_set"]


@torch.no_grad()
def set_weights(pl_module: Any, weights: Mapping[str, Tensor]) -> None:
    """Give the trained parameters the values of ``weights``.

    Raises:
        DamagedDataError: One of them is missing.
    """
    missing = [name for name, _ in pl_module.trained() if name not in weights]
    if missing:
        raise DamagedDataError(f"the best checkpoint lacks {len(missing)} trained weights, first {missing[0]}")
    for name, parameter in pl_module.trained():
        parameter.copy_(weights[name])


@contextmanager
def weights_set(pl_module: Any, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Give the trained parameters the values of ``weights`` for the length of a block."""
    before = {name: parameter.detach().clone() for name, parameter in pl_module.trained()}
    try:
        set_weights(pl_module, weights)
        yield
    finally:
        set_weights(pl_module, before)
