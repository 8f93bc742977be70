"""What a store of some repositories would hold, found without building it: for an inspection before a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.git.repository import Repository
from codelm.history.build import reading_facts
from codelm.history.earlier_stores import newest_store
from codelm.history.facts import History, Progress, analysis_facts, open_histories
from codelm.history.filters.drops import DropCounts
from codelm.history.filters.judged_texts import JudgedTexts
from codelm.history.reading import HistoryReader
from codelm.history.sample_estimate import EstimatedTable, SampleEstimate
from codelm.history.samples.pieces import Kind
from codelm.history.store import DamagedStoreError, Split, Store, open_store
from codelm.history.store_settings import StoreSettings, family_of, store_key, with_format
from codelm.history.tokenization.encoder import Encoded, Encoder

__all__ = ["Survey", "survey"]


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Attributes:
        histories: The histories that were read.
        analysis: The summary of each repository's files and commits.
        scraped: What was read, split, kept and dropped, as a store's facts have it under "scrape".
        drops: What was dropped of the files, and of the commits of each split, and where.
        table: The samples.
        is_stored: Whether the samples are those of the store that a run with these settings takes.
        commits: The commits that the table names.
        paths: The paths that it names.
    """

    histories: Sequence[History]
    analysis: Sequence[dict[str, Any]]
    scraped: dict[str, Any]
    drops: dict[str, DropCounts]
    table: EstimatedTable
    is_stored: bool
    commits: Sequence[dict[str, Any]]
    paths: Sequence[str]

    @property
    def training(self) -> NDArray[np.intp]:
        """Indices of the training samples in the table, ``[training]``."""
        return np.flatnonzero(self.table.samples["split"] == Split.TRAIN)


def survey(
    repositories: Sequence[Repository], settings: StoreSettings, encoder: Encoder, cache: Path, progress: Progress
) -> Survey:
    """Read histories as `codelm.history.build.build_store` does, and estimate the table of their samples.

    Args:
        repositories: The opened repositories.
        settings: What decides the samples.
        encoder: The tokenizer.
        cache: The folder of the stores. One of the same histories and settings is taken; what filters have judged for
            another is not judged again.
        progress: Displays how many files and commits have been read.

    Raises:
        InputError: A history cannot be split.
        DamagedDataError: A repository is damaged.
    """
    earlier = newest_store(cache, family_of(repositories, settings, encoder))
    decided = with_format(settings, encoder.wanted_format.name)
    store = _stored(cache / store_key(repositories, decided, encoder.fingerprint))
    estimate = SampleEstimate(encoder, settings.sequence_length, settings.formats.context_lines, settings.seed)
    with open_histories(repositories, settings.filters, settings.held_out, settings.learned) as histories:
        judged = JudgedTexts(earlier.judged if earlier else frozenset())
        commits: list[dict[str, Any]] = []
        write = estimate.write, lambda change: None, commits.append
        reader = HistoryReader(settings, encoder.count, encoder.format, *write, progress, judged)
        reader.read(histories)
        analysis = [analysis_facts(history, progress) for history in histories]
    table = estimate.table() if store is None else _table(store)
    return Survey(
        histories,
        analysis,
        reading_facts(histories, reader),
        reader.drops,
        table,
        store is not None,
        commits if store is None else store.commits,
        list(reader.paths) if store is None else store.facts["paths"],
    )


def _stored(folder: Path) -> Store | None:
    """Return a store; None where there is none that is whole."""
    try:
        return open_store(folder) if folder.is_dir() else None
    except DamagedStoreError:
        return None


def _table(store: Store) -> EstimatedTable:
    """Return the table of a store, and some of its training samples."""
    training = store.indices(Split.TRAIN)
    spread = training[np.unique(np.linspace(0, len(training) - 1, _MOST_SHOWN).astype(int))] if len(training) else []
    shown = [
        (Encoded(ids.astype(np.uint32), roles, Kind(row["kind"])), int(row["commit"]), int(row["path"]))
        for index in spread
        for row, (ids, roles) in [(store.samples[index], store.sample(int(index)))]
    ]
    return EstimatedTable(store.samples, 0.0, 0, 0, shown)


_MOST_SHOWN = 500
"""Samples that are taken of a store, from all over it."""
