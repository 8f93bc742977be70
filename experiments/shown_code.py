"""Measure what other code of the repository is worth, shown before a change: to the base and to a tuned model.

.venv/bin/python -m experiments.shown_code ~/src/tokio [--adapter RUN/adapter] [--tokens 100000]

The changes are those of held-out commits, left to right. Two kinds of code are shown: the earlier samples of the same
commit, as much as the row has room for, newest last; and of the training sample most like the change's unchanged lines,
the first tokens. Printed is the nll of what the commits added, of the same tokens with and without it.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from codelm.evaluation.data import EvaluationData, HeldOutSample
from codelm.evaluation.model import EvaluatedModel
from codelm.history.samples.pieces import Role
from codelm.history.store import Split
from codelm.metrics.intervals import mean_difference
from codelm.metrics.retrieval import nearest
from codelm.modules.adapters import load_adapter
from experiments.ablation.measure import load_float32
from experiments.ablation.objects import instantiate, open_evaluation_data
from experiments.ablation.settings import merged, nested, read_settings
from experiments.program import print_lines, run_program

__all__ = ["Shown", "earlier_samples", "main", "nearest_samples"]

_CONFIG = Path(__file__).resolve().parents[1] / "configs" / "tiny.yaml"
_SIMILAR_TOKENS = 300
"""Tokens of the most similar sample that are shown, at most."""
_FEWEST_TOKENS = 20
"""Unchanged tokens that a change has at least for which a similar sample is sought."""
_ROWS_AT_A_TIME = 8


class Shown(NamedTuple):
    """A sample of a held-out change, and the token ids shown before it."""

    sample: HeldOutSample
    before: list[int]


def earlier_samples(samples: Sequence[HeldOutSample], max_tokens: int) -> Iterator[Shown]:
    """Yield samples with those before them in the same commit, the nearest that fit a row together."""
    for place, sample in enumerate(samples):
        before: list[int] = []
        for other in reversed(samples[:place]):
            if other.commit != sample.commit or len(other.ids) + len(before) + len(sample.ids) > max_tokens:
                break
            before = [*other.ids.tolist(), *before]
        if before:
            yield Shown(sample, before)


def nearest_samples(data: EvaluationData, samples: Sequence[HeldOutSample], max_tokens: int) -> Iterator[Shown]:
    """Yield samples with the beginning of the training sample whose words are most like their unchanged lines'."""
    pieces = [data.store.sample(index)[0] for index in data.store.indices(Split.TRAIN).tolist()]
    texts = [data.encoder.decode(ids.tolist()) for ids in pieces]
    for sample in samples:
        context = sample.ids[sample.roles == Role.CONTEXT].tolist()
        if len(context) < _FEWEST_TOKENS or len(sample.ids) + _SIMILAR_TOKENS > max_tokens:
            continue
        found = nearest(data.encoder.decode(context), texts)
        if found is not None:
            yield Shown(sample, pieces[found][:_SIMILAR_TOKENS].tolist())


def _added_nats(evaluated: EvaluatedModel, shown: Sequence[Shown], *, with_it: bool) -> list[float]:
    """Return the nll of the added tokens of each sample, in nats."""
    rows = [[*(before if with_it else []), *sample.ids.tolist()] for sample, before in shown]
    nll = evaluated.token_nll(rows)
    return [
        float(each[-len(sample.ids) :][sample.roles == Role.TARGET].sum())
        for each, (sample, _) in zip(nll, shown, strict=True)
    ]


def _line(name: str, evaluated: EvaluatedModel, shown: Sequence[Shown], *, has_adapter: bool) -> str:
    """Return what code shown first changes, for the base and, where there is an adapter, for the tuned model."""
    commits = [sample.commit for sample, _ in shown]
    targets = sum(int(np.sum(sample.roles == Role.TARGET)) for sample, _ in shown)
    parts = [f"{name}: {len(shown)} samples of {len(set(commits))} commits, {targets} added tokens"]
    for base in (True, False) if has_adapter else (True,):
        with evaluated.as_base(base):
            without, with_it = (_added_nats(evaluated, shown, with_it=each) for each in (False, True))
        difference = mean_difference(without, with_it, commits)
        interval = "" if difference.low is None else f" ({difference.low:+.2f} to {difference.high:+.2f} a sample)"
        change = 100 * (sum(with_it) / sum(without) - 1)
        model = "base" if base else "tuned"
        parts.append(f"{model} {sum(without):.0f} to {sum(with_it):.0f} nats, {change:+.1f} %{interval}")
    return "; ".join(parts)


@torch.inference_mode()
def _measure(repository: str, adapter: Path | None, tokens: int) -> Iterator[str]:
    wanted = {"data.repo": repository, "data.formats.fim_rate": 0.0}
    model, datamodule = instantiate(merged(read_settings([_CONFIG]), nested(wanted)))
    data, most = open_evaluation_data(datamodule), datamodule.sequence_length
    load_float32(model)
    if adapter is not None:
        load_adapter(model.model, model.lora, adapter)
    evaluated = EvaluatedModel(model, max_tokens=most, batch_size=_ROWS_AT_A_TIME)
    samples = data.test_samples(tokens)
    forms: dict[str, Callable[[], Iterator[Shown]]] = {
        "earlier samples of the commit": lambda: earlier_samples(samples, most),
        "the most similar training sample": lambda: nearest_samples(data, samples, most),
    }
    for name, form in forms.items():
        shown = list(form())
        yield _line(name, evaluated, shown, has_adapter=adapter is not None) if shown else f"{name}: no sample has any"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each kind of code that is shown, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.shown_code",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("repository", metavar="REPOSITORY", help="the repository's folder")
    parser.add_argument("--adapter", type=Path, help="an adapter of configs/tiny.yaml, in PEFT's format")
    parser.add_argument("--tokens", type=int, default=100_000, help="held-out tokens to evaluate on (default: 100000)")
    options = parser.parse_args(arguments)
    lines = _measure(options.repository, options.adapter, options.tokens)
    return run_program("experiments.shown_code", lambda: print_lines(lines))


if __name__ == "__main__":
    sys.exit(main())
