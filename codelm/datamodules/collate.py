"""Rows of samples into tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from codelm.batch import IGNORE, Batch
from codelm.history.epochs.plan import MicroBatch, Row
from codelm.history.samples.formats import Role
from codelm.history.store import Store

ROUND_TO = 64
"""Rows are padded to a multiple of this: nearly full rows then all have one shape, and kernels keep one plan for it."""


def collate(store: Store, planned: MicroBatch, context_weight: float) -> Batch:
    """Return the batch that a plan describes; rows are padded to the longest of them.

    Padding is a sample of its own, with positions that count on: zeros would make each padded position a sample.
    """
    rows = [read_row(store, row, context_weight) for row in planned.rows]
    longest = max(1, *(len(row["input_ids"]) for row in rows))
    width = -(-longest // ROUND_TO) * ROUND_TO
    return Batch(
        input_ids=stack([row["input_ids"] for row in rows], width, 0),
        position_ids=torch.stack([pad_positions(row["position_ids"], width) for row in rows]),
        labels=stack([row["labels"] for row in rows], width, IGNORE),
        weights=stack([row["weights"] for row in rows], width, 0.0),
        step_weight=torch.tensor(planned.step_weight, dtype=torch.float32),
    )


def read_row(store: Store, row: Row, context_weight: float) -> dict[str, Tensor]:
    """Return one row's ``input_ids``, ``position_ids``, ``labels`` and ``weights``, each ``[T]``."""
    empty = torch.zeros(0, dtype=torch.int64)
    pairs = [store.sample(index) for index in row]
    ids = torch.cat([empty, *(torch.from_numpy(ids) for ids, _ in pairs)])
    roles = torch.cat([empty, *(torch.from_numpy(roles).long() for _, roles in pairs)])
    weights = torch.tensor([0.0, context_weight, 1.0])[roles]
    return {
        "input_ids": ids,
        "position_ids": torch.cat([empty, *(torch.arange(len(ids)) for ids, _ in pairs)]),
        "labels": torch.where((roles == Role.SILENT) | (weights == 0), IGNORE, ids),
        "weights": weights,
    }


def stack(rows: Sequence[Tensor], width: int, filler: float) -> Tensor:
    """Return ``[B, width]`` from ``B`` shorter rows, filled up on the right."""
    return torch.stack([torch.nn.functional.pad(row, (0, width - len(row)), value=filler) for row in rows])


def pad_positions(positions: Tensor, width: int) -> Tensor:
    """Return ``[width]``: the padding begins a document of its own."""
    return torch.cat([positions, torch.arange(width - len(positions))])
