"""The samples of a store as rows of a dataset.

Three forms, by the columns that a trainer reads:

tokens             ``input_ids``, ``attention_mask`` and ``labels``: a row is a sample, just as codelm learns it
prompt-completion  ``prompt`` and ``completion``: a row is a run of lines that a commit added, or a file, and what a
                   sample shows before it
text               ``text``: a row is a sample, all of which is learned

What an author wrote need not be the end of its sample: several hunks may stand in one window, and of a hunk that is
filled in from a cursor on, the rest stands around the hole. Such a sample becomes a row for each run of it, each behind
all that precedes it in the sample: every target is predicted once, from just what codelm predicts it from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codelm.batch import IGNORE
from codelm.datamodules.rows import role_weights
from codelm.export.dataset.columns import Columns
from codelm.history.analysis import language
from codelm.history.samples.pieces import Kind, Role, valid_utf8
from codelm.history.store import Split, Store
from codelm.history.tokenization.encoder import Encoded, Encoder
from codelm.history.tokenization.marked_text import MarkedRun, marked_runs

__all__ = ["DatasetRows"]


@dataclass(frozen=True, slots=True)
class DatasetRows:
    """Makes the rows of a store's samples.

    Attributes:
        store: The store.
        encoder: Its tokenizer.
        columns: The form of the rows.
        importances: How often each training sample is drawn, ``[training samples]``.
        context_weight: Loss weight of unchanged lines in training; in validation and test it is 0.
    """

    store: Store
    encoder: Encoder
    columns: Columns
    importances: NDArray[np.float64]
    context_weight: float

    def of_split(self, split: Split) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of each sample of a split, in the store's order.

        There are none of a sample whose text spells a special token, unless the rows are tokens: another trainer would
        read the token.
        """
        indices = self.store.indices(split)
        weights = self.importances if split == Split.TRAIN else np.ones(len(indices))
        names = self.encoder.special_names
        for index, weight in zip(indices.tolist(), weights.tolist(), strict=True):
            facts = self._facts(index, weight)
            if self.columns == Columns.TOKENS:
                yield [self._tokens(index, split) | facts]
                continue
            runs = marked_runs(self._encoded(index), self.encoder)
            yield [row | facts for row in self._texts(runs)] if not _spells(runs, names) else []

    def _facts(self, index: int, weight: float) -> dict[str, Any]:
        """Return what is said about a sample: a value for each of `codelm.export.dataset.columns.FACTS`."""
        row = self.store.samples[index]
        commit = self.store.commits[row["commit"]]
        path = self.store.facts["paths"][row["path"]]
        return {
            "sample": index,
            "split": Split(row["split"]).name.lower(),
            "kind": Kind(row["kind"]).name.lower(),
            "repository": valid_utf8(commit["repository"]),
            "commit": commit["sha"],
            "path": valid_utf8(path),
            "language": language(path),
            "weight": weight,
        }

    def _tokens(self, index: int, split: Split) -> dict[str, Any]:
        """Return a sample as tokens, with the loss weight of each."""
        ids, roles = self.store.sample(index)
        weights = np.array(role_weights(self.context_weight if split == Split.TRAIN else 0.0))[roles]
        return {
            "input_ids": ids.tolist(),
            "attention_mask": [1] * len(ids),
            "labels": np.where(weights > 0, ids, IGNORE).tolist(),
            "token_weights": weights.tolist(),
        }

    def _encoded(self, index: int) -> Encoded:
        ids, roles = self.store.sample(index)
        return Encoded(ids.astype(np.uint32), roles, Kind(self.store.samples["kind"][index]))

    def _texts(self, runs: list[MarkedRun]) -> Iterator[dict[str, Any]]:
        """Yield the rows of text that a sample becomes."""
        if self.columns == Columns.TEXT:
            yield {"text": "".join(run.text for run in runs)}
            return
        before = ""
        for is_target, group in groupby(runs, key=lambda run: run.role == Role.TARGET):
            text = "".join(run.text for run in group)
            if is_target and text:
                yield {"prompt": before, "completion": text}
            before += text


def _spells(runs: list[MarkedRun], names: frozenset[str]) -> bool:
    """Return whether the text between a sample's special tokens spells the name of one."""
    between = groupby(runs, key=lambda run: run.special)
    texts = ["".join(run.text for run in group) for is_special, group in between if not is_special]
    return any(name in text for text in texts for name in names)
