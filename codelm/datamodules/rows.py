"""Data set and sampler that serve a planned epoch."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing import parent_process

import torch
from torch.utils.data import Dataset, DistributedSampler

from codelm.batch import Batch, WeightedTokens, collate
from codelm.history.epochs.plan import MicroBatch
from codelm.history.samples.pieces import Role
from codelm.history.store import Store

__all__ = ["InPlannedOrder", "PackedRows", "role_weights", "set_up_worker"]

_ROUND_TO = 64
"""Rows are padded to a multiple of this: nearly full rows then all have one shape, and kernels keep one plan for it."""


def role_weights(context_weight: float) -> tuple[float, ...]:
    """Return the loss weight of a token of each `Role`, in their order."""
    weights = {Role.IGNORED: 0.0, Role.CONTEXT: context_weight, Role.TARGET: 1.0}
    return tuple(weights[role] for role in Role)


class PackedRows(Dataset[Batch]):
    """The batches that the `MicroBatch`es of a plan describe."""

    def __init__(self, store: Store, planned: Sequence[MicroBatch], context_weight: float) -> None:
        self.store, self.planned = store, planned
        self.role_weights = torch.tensor(role_weights(context_weight))

    def __getitem__(self, index: int) -> Batch:
        planned = self.planned[index]
        rows = [[self.sample(index) for index in row] for row in planned.rows]
        return collate(rows, step_weight=planned.step_weight, multiple_of=_ROUND_TO)

    def __len__(self) -> int:
        return len(self.planned)

    def sample(self, index: int) -> WeightedTokens:
        """Return a sample of the store, its tokens weighted by their roles."""
        ids, roles = self.store.sample(index)
        return WeightedTokens(torch.from_numpy(ids), self.role_weights[torch.from_numpy(roles).long()])


class InPlannedOrder(DistributedSampler[int]):
    """Serves the batches of one rank's plan in their order, from the one at ``start``; its length is the whole plan's.

    A `DistributedSampler` by type, since the plan has dealt out the rows to the ranks: Lightning would deal out the
    batches of any other sampler once more, shuffled (lightning 2.6, ``use_distributed_sampler``).
    """

    def __init__(self, planned: PackedRows, start: int = 0) -> None:
        super().__init__(planned, num_replicas=1, rank=0, shuffle=False)
        self.start = start

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, len(self)))


def set_up_worker(worker: int) -> None:
    """Let a worker of a loader end with the process that reads from it, and not by the signals that stop a run.

    A terminal or a cluster sends those to the worker, too, and the process, which saves its state on the signal, would
    first fail with "DataLoader worker is killed". Torch's worker checks whether the process that started it is still
    its parent; where that is a fork server, as by default in Python 3.14, it would stay for ever after a SIGKILL.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)
