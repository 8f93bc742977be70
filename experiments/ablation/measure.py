"""Nll of the held-out commits' new lines under a saved adapter: the same code and the same commits for every row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from codelm.evaluation.data import EvaluationData, HeldOutSample
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.tasks.cursor import CursorTask, chosen_cursor_tasks, cursor_nats
from codelm.evaluation.tasks.infilling import InfillEvaluation
from codelm.evaluation.tasks.likelihood import scored_runs
from codelm.metrics.likelihood import sum_by_commit
from codelm.modules import LoRACausalLM
from codelm.modules.adapters import load_adapter
from experiments.ablation.objects import instantiate, open_evaluation_data
from experiments.ablation.settings import Settings

__all__ = [
    "INFILL",
    "LEFT_TO_RIGHT",
    "AdapterEvaluator",
    "CommitNll",
    "Measured",
    "commit_nll",
    "load_float32",
]

_TokenNll = NDArray[np.float64]
"""The nll of each token of a sample in nats, ``[T]``."""

_ROWS_AT_A_TIME = 4
INFILL, LEFT_TO_RIGHT = "hole", "left to right"
"""The two forms of a change's prompt: filled in between its surroundings, or continued from what stands before it."""
_CURSOR_CHANGES = 100
"""Held-out changes of which a cursor task of each shape is made, at most."""
_CURSOR_SEED = 42


@dataclass(frozen=True, slots=True)
class CommitNll:
    """Nll of one commit's new lines in one form, under the base and with the adapter, in nats."""

    commit: str
    form: str
    bytes: int
    base: float
    tuned: float


@dataclass(frozen=True, slots=True)
class Measured:
    """The nll of all test commits, and the SHA of the commit after which nothing was trained on.

    Of ``parts``, the form is `INFILL` or `LEFT_TO_RIGHT`; of ``cursor``, which is the nll of parts of lines that begin
    at a cursor, one of `codelm.evaluation.tasks.cursor.SHAPES`.
    """

    cut: str
    parts: list[CommitNll]
    cursor: list[CommitNll]


class AdapterEvaluator:
    """Evaluates adapters, all on the same commits; the nll under the untouched base is computed once.

    The settings are those of ours, without a seed: they decide commits and prompts alike for all rows.
    """

    def __init__(self, settings: Settings, test_tokens: int) -> None:
        self.settings = settings
        self.test_tokens = test_tokens
        self.base_nll: list[_TokenNll] | None = None
        self.base_cursor: list[float] | None = None

    @torch.inference_mode()
    def evaluate(self, adapter: Path) -> Measured:
        """Return the nll of the test commits' new lines under the base, and with an adapter in PEFT's format."""
        model, datamodule = instantiate(self.settings)
        data = open_evaluation_data(datamodule)
        samples = data.test_samples(self.test_tokens)
        load_float32(model)
        load_adapter(model.model, model.lora, adapter)
        evaluated = EvaluatedModel(model, max_tokens=datamodule.sequence_length, batch_size=_ROWS_AT_A_TIME)
        tuned_nll = evaluated.token_nll([sample.ids for sample in samples])
        if self.base_nll is None:
            with evaluated.as_base():
                self.base_nll = evaluated.token_nll([sample.ids for sample in samples])
        cut = datamodule.store.facts["scrape"]["repositories"][0]["split"]["cut"]
        cursor = self._evaluate_cursor(InfillEvaluation(evaluated, data, _CURSOR_SEED))
        return Measured(cut, commit_nll(data, samples, self.base_nll, tuned_nll), cursor)

    def _evaluate_cursor(self, evaluation: InfillEvaluation) -> list[CommitNll]:
        """Return the nll of the real text of cursor tasks."""
        tasks = chosen_cursor_tasks(evaluation, _CURSOR_CHANGES)
        tuned = _cursor_nats(evaluation, tasks)
        if self.base_cursor is None:
            with evaluation.evaluated.as_base():
                self.base_cursor = _cursor_nats(evaluation, tasks)
        return [
            CommitNll(each.task.commit, each.shape, len(each.task.text.encode()), *nats)
            for each, *nats in zip(tasks, self.base_cursor, tuned, strict=True)
        ]


def _cursor_nats(evaluation: InfillEvaluation, tasks: Sequence[CursorTask]) -> list[float]:
    starts = range(0, len(tasks), _ROWS_AT_A_TIME)
    return [nats for start in starts for nats in cursor_nats(evaluation, tasks[start : start + _ROWS_AT_A_TIME])]


def load_float32(model: LoRACausalLM) -> None:
    """Load the base in float32, whatever it was trained in, on the device that Lightning chooses."""
    trainer = Trainer(accelerator="auto", devices=1, precision="32-true", logger=False, enable_checkpointing=False)
    model.trainer = trainer
    model.configure_model()
    model.to(trainer.strategy.root_device).eval()


def commit_nll(
    data: EvaluationData, samples: Sequence[HeldOutSample], base: Sequence[_TokenNll], tuned: Sequence[_TokenNll]
) -> list[CommitNll]:
    """Return the nll for each commit and form that has new lines, in the order of the history.

    Args:
        data: What the samples were taken from.
        samples: Samples of held-out commits.
        base: The nll of each sample's tokens under the base.
        tuned: The same with the adapter.
    """
    suffix = data.encoder.special_ids[data.encoder.format.around_after[0]] if data.encoder.format.infill else None
    new_lines = (
        ((str(data.commit(run.commit)["sha"]), INFILL if suffix in sample.ids else LEFT_TO_RIGHT), run.new)
        for sample, *token_nll in zip(samples, base, tuned, strict=True)
        for run in scored_runs(data, sample, *token_nll)
    )
    return [
        CommitNll(*key, nll.bytes, nll.base, nll.tuned) for key, nll in sum_by_commit(new_lines).items() if nll.bytes
    ]
