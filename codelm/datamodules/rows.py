"""Data set and sampler that serve a planned epoch."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Dataset, Sampler

from codelm.batch import Batch, WeightedTokens, collate
from codelm.history.epochs.plan import MicroBatch
from codelm.history.samples.pieces import Role
from codelm.history.store import Store

__all__ = ["InPlannedOrder", "PackedRows", "role_weights"]

_ROUND_TO = 64
"""Rows are padded to a multiple of this: nearly full rows then all have one shape, and kernels keep one plan for it."""


def role_weights(context_weight: float) -> tuple[float, ...]:
    """Return the loss weight of a token of each `Role`, in their order."""
    weights = {Role.IGNORED: 0.0, Role.CONTEXT: context_weight, Role.TARGET: 1.0}
    return tuple(weights[role] for role in Role)


class PackedRows(Dataset[Batch]):
    """Makes the batch that a `MicroBatch` describes; the index of an item is its description."""

    def __init__(self, store: Store, context_weight: float) -> None:
        self.store = store
        self.role_weights = torch.tensor(role_weights(context_weight))

    def __getitem__(self, planned: MicroBatch) -> Batch:
        rows = [[self.sample(index) for index in row] for row in planned.rows]
        return collate(rows, step_weight=planned.step_weight, multiple_of=_ROUND_TO)

    def sample(self, index: int) -> WeightedTokens:
        """Return a sample of the store, its tokens weighted by their roles."""
        ids, roles = self.store.sample(index)
        return WeightedTokens(torch.from_numpy(ids), self.role_weights[torch.from_numpy(roles).long()])


class InPlannedOrder(Sampler[MicroBatch]):
    """Serves the micro-batches of a plan in their order, from the one at ``start``; its length is the whole plan's."""

    def __init__(self, planned: Sequence[MicroBatch], start: int = 0) -> None:
        self.planned, self.start = planned, start

    def __iter__(self) -> Iterator[MicroBatch]:
        return iter(self.planned[self.start :])

    def __len__(self) -> int:
        return len(self.planned)
