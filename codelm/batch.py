"""The contract between the data and the model: what one batch of packed rows holds."""

from typing import TypedDict

from torch import Tensor

IGNORE = -100
"""The label of a position that is not learned."""


class Batch(TypedDict):
    """Packed rows, ready for a causal language model; ``B`` rows of ``T`` positions."""

    input_ids: Tensor
    """Token ids, ``[B, T]``, int64."""
    position_ids: Tensor
    """Positions, ``[B, T]``, int64; a restart at 0 marks a new sample, which may not see the one before."""
    labels: Tensor
    """The ids of `input_ids` that are learned, ``[B, T]``, int64, `IGNORE` elsewhere; the model shifts them."""
    weights: Tensor
    """The loss weight of each label, ``[B, T]``, float32."""
    step_weight: Tensor
    """The sum of the label weights of the batch's whole optimizer step, divided by the ranks; a scalar, float32."""
