"""What a PyTorch ``DataLoader`` needs to serve a plan: a data set of batches and the order they come in."""

from collections.abc import Iterator, Sequence

from torch.utils.data import DataLoader, Dataset, Sampler

from codelm.batch import Batch
from codelm.datamodules.collate import collate
from codelm.history.epochs.plan import MicroBatch
from codelm.history.store import Store


class PackedRows(Dataset[Batch]):
    """Makes the batch that a `MicroBatch` describes; the index of an item is its description."""

    def __init__(self, store: Store, context_weight: float) -> None:
        self.store, self.context_weight = store, context_weight

    def __getitem__(self, planned: MicroBatch) -> Batch:
        return collate(self.store, planned, self.context_weight)


class InPlannedOrder(Sampler[MicroBatch]):
    """Serves the micro-batches of a plan in their order, from the one at ``start``; its length is the whole plan's."""

    def __init__(self, planned: Sequence[MicroBatch], start: int = 0) -> None:
        self.planned, self.start = planned, start

    def __iter__(self) -> Iterator[MicroBatch]:
        return iter(self.planned[self.start :])

    def __len__(self) -> int:
        return len(self.planned)


def loader(
    store: Store, planned: Sequence[MicroBatch], *, context_weight: float, num_workers: int, start: int = 0
) -> DataLoader[Batch]:
    """Return a loader of whole batches: ``batch_size`` is None because the plan has grouped the rows already."""
    return DataLoader(
        PackedRows(store, context_weight),
        sampler=InPlannedOrder(planned, start),
        batch_size=None,
        num_workers=num_workers,
        persistent_workers=False,
    )
