"""Muon for the hidden matrices, AdamW for everything else, as one optimizer."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch.optim import AdamW, Muon, Optimizer

__all__ = ["muon_with_adamw"]


class _MuonWithAdamW(Optimizer):
    """Muon and AdamW in one optimizer, because Lightning's automatic optimization drives one.

    Source of Muon: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; the scale of
    its rate: Liu et al., "Muon is Scalable for LLM Training", 2025, so that one learning rate suits both.

    Args:
        matrices: The hidden layers' matrices, for Muon.
        others: Embeddings, biases and norms, for AdamW.
        learning_rate: The highest learning rate of both.
        weight_decay: The weight decay of the matrices; the others have none.
    """

    def __init__(
        self, matrices: Iterable[Parameter], others: Iterable[Parameter], *, learning_rate: float, weight_decay: float
    ) -> None:
        muon = Muon(matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        adamw = AdamW(others, lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.0)
        self.parts: tuple[Optimizer, ...] = (muon, adamw)
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share_groups()

    def _share_groups(self) -> None:
        """Make the two optimizers' groups ours, so that a schedule sets theirs."""
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step with both optimizers."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the states of both."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()


def muon_with_adamw(model: Module, *, learning_rate: float, weight_decay: float) -> _MuonWithAdamW:
    """Return the optimizer for a decoder with tied embeddings."""
    matrices = [each for name, each in model.named_parameters() if each.ndim == 2 and ".layers." in f".{name}"]
    hidden = {id(matrix) for matrix in matrices}
    others: list[Tensor] = [parameter for parameter in model.parameters() if id(parameter) not in hidden]
    return _MuonWithAdamW(matrices, others, learning_rate=learning_rate, weight_decay=weight_decay)  # type: ignore[arg-type]
