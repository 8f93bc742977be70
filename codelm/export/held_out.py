"""Bits per byte of held-out commits by what was trained and by what was exported."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jsonargparse import ArgumentError, ArgumentParser
from numpy.typing import NDArray

from codelm.datamodules import GitCommitDataModule
from codelm.datamodules.progress import show_progress
from codelm.errors import InputError
from codelm.evaluation.data import EvaluationData, HeldOutSample
from codelm.evaluation.model import EvaluatedModel
from codelm.history.epochs.packing import pack
from codelm.history.samples.pieces import Role
from codelm.history.tokenization.decoding import decode
from codelm.history.tokenization.encoder import Encoder
from codelm.metrics.likelihood import comparison, sum_by_commit, token_nll
from codelm.modules import CausalLM
from codelm.saved_run import SavedRun

__all__ = ["HeldOut", "compare", "finished_module", "held_out_text", "nll_by"]

_LINKED = {"tokenizer": "model.base", "tokenizer_revision": "model.revision", "seed": "seed_everything"}
"""Settings of the data that the command takes from elsewhere."""

_ROOM = 1.5
"""Free memory of a GPU for each byte of weights, so that rows of text find room beside them."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Samples of commits that no training saw and that chose no checkpoint.

    Attributes:
        samples: The samples, oldest commit first.
        encoder: The tokenizer that they were made with.
        row: The most tokens in a row.
    """

    samples: list[HeldOutSample]
    encoder: Encoder
    row: int


class _FinishedModel(CausalLM):
    """A model that is trained no more, without an adapter."""

    def __init__(self, model: Any, *, keeps_samples_apart: bool) -> None:
        super().__init__()
        self.model = model
        self.keeps_samples_apart = keeps_samples_apart


def held_out_text(run: SavedRun, base: str, tokens: int) -> HeldOut:
    """Return about ``tokens`` tokens of a run's test part, whole commits, from its store, which is made where need be.

    Args:
        run: The run.
        base: Where its base, and so its tokenizer, lies.
        tokens: The number of tokens.

    Raises:
        CodelmError: The history is not at hand, or nothing of it was held out.
    """
    settings = run.settings
    linked = {name: settings.get(where) for name, where in _LINKED.items()} | {"tokenizer": base}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(GitCommitDataModule, "data")
    try:
        parsed = parser.parse_object({"data": {**run.configuration.get("data", {}), **linked}})
        data: GitCommitDataModule = parser.instantiate(parsed).data
    except (ArgumentError, TypeError, ValueError) as error:
        raise InputError(f"{run.folder / 'config.yaml'} has data settings of another version of codelm") from error
    data.prepare_data()
    data.setup()
    samples = EvaluationData(data.store, data.encoder).test_samples(tokens)
    if not samples:
        raise InputError("nothing of the history was held out")
    return HeldOut(samples, data.encoder, data.sequence_length)


def finished_module(model: Any, *, keeps_samples_apart: bool) -> CausalLM:
    """Return a model that is trained no more as a module that scores rows, on a GPU where it finds room on one."""
    module = _FinishedModel(model, keeps_samples_apart=keeps_samples_apart).eval()
    size = 2 * sum(parameter.numel() for parameter in model.parameters())
    if torch.cuda.is_available() and torch.cuda.mem_get_info()[0] > _ROOM * size:
        module.to("cuda", torch.float16)
    return module


@torch.inference_mode()
def nll_by(module: Any, held_out: HeldOut) -> list[NDArray[np.float64]]:
    """Return the nll of each token of each sample by a module, in nats, ``[T]`` each."""
    evaluated = EvaluatedModel(module, max_tokens=held_out.row, batch_size=1)
    found: list[NDArray[np.float64]] = [np.zeros(0)] * len(held_out.samples)
    rows = pack([len(sample.ids) for sample in held_out.samples], held_out.row)
    for row in show_progress(rows, len(rows), "rows of held-out text"):
        for index, nll in zip(row, evaluated.token_nll([held_out.samples[index].ids for index in row]), strict=True):
            found[index] = nll
    return found


def compare(
    held_out: HeldOut, before: Sequence[NDArray[np.float64]], after: Sequence[NDArray[np.float64]]
) -> dict[str, Any] | None:
    """Return bits per byte of the lines that the commits added, and the change with its 95 % interval, in percent.

    None where they have no bytes. See `comparison` for the keys: its base is what was trained, its tuned model what was
    exported.

    Args:
        held_out: The samples.
        before: The nll of each sample's tokens by what was trained, ``[T]`` each.
        after: The same by what was exported.
    """
    nlls = []
    for sample, one, other in zip(held_out.samples, before, after, strict=True):
        for run in decode(sample.ids, held_out.encoder):
            place = slice(run.first, run.first + len(run.spans))
            added = sample.roles[place] == Role.TARGET
            nlls.append((sample.commit, token_nll(run.text, run.spans, added, one[place], other[place])))
    found = comparison(list(sum_by_commit(nlls).values()))
    if found is None:
        return None
    size = sum(nll.bytes for _, nll in nlls)
    names = ("commits", "change_percent", "interval")
    return {"before": found["base"], "after": found["tuned"], "bytes": size, **{name: found[name] for name in names}}
