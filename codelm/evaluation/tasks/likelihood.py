"""Likelihood: bits per byte of the lines that held-out commits added, by both models and by a compressor."""

import time
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codelm.evaluation.data import EvaluationData, HeldOutSample
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.samples.pieces import Role
from codelm.history.store import Split
from codelm.history.tokenization.decoding import TextRun, decode
from codelm.metrics.compression import xz, xz_given
from codelm.metrics.likelihood import (
    Nll,
    bits_per_byte,
    comparison,
    covered_characters,
    starts_new_line,
    sum_by_commit,
    token_nll,
)

__all__ = ["LARGEST_SNAPSHOT", "chosen_text", "likelihood", "samples_in_time", "scored_runs", "xz_baselines"]

LARGEST_SNAPSHOT = 30_000_000
"""Bytes of the snapshot up to which it is compressed: it is read three times, in one to two seconds a million bytes."""


class _ScoredRun(NamedTuple):
    """A run of text in which a commit added lines, with their nll; the new ones are those that no file had before."""

    commit: int
    added: Nll
    new: Nll
    added_text: str
    new_text: str


def likelihood(evaluated: EvaluatedModel, data: EvaluationData, max_tokens: int, budget: TimeBudget) -> dict[str, Any]:
    """Return the figures of the added lines, of those that no file of the snapshot holds, and of each commit.

    Args:
        evaluated: The model, as the base and as tuned.
        data: The held-out samples and the snapshot.
        max_tokens: Tokens of held-out samples at most.
        budget: Time to score them.

    Raises:
        UnmeasuredError: Nothing was held out.
    """
    wanted = data.test_samples(max_tokens)
    if not wanted:
        raise UnmeasuredError(
            "nothing of the history is left to test on: raise data.held_out, or give a longer history"
        )
    samples = samples_in_time(evaluated, wanted, budget, data)
    with evaluated.as_base():
        base = evaluated.token_nll([sample.ids for sample in samples])
    tuned = evaluated.token_nll([sample.ids for sample in samples])
    runs = [run for each in zip(samples, base, tuned, strict=True) for run in scored_runs(data, *each)]
    added = sum_by_commit((run.commit, run.added) for run in runs)
    new = sum_by_commit((run.commit, run.new) for run in runs)
    total = sum(added.values(), Nll())
    return {
        "commits": len(added),
        "read": _coverage(data, wanted, samples),
        "bytes": total.bytes,
        "bytes_new": sum(each.bytes for each in new.values()) if data.snapshot else None,
        "tokens": total.tokens,
        "added": comparison(list(added.values())),
        "new": comparison(list(new.values())) if data.snapshot else None,
        **xz_baselines(data, "".join(run.added_text for run in runs), "".join(run.new_text for run in runs)),
        "by_commit": [_commit_figures(data.commit(number), nll) for number, nll in added.items()],
    }


def _coverage(data: EvaluationData, wanted: Sequence[HeldOutSample], scored: Sequence[HeldOutSample]) -> dict[str, Any]:
    """Return how many held-out commits were scored, of how many, and which setting left out the others."""
    total = len(np.unique(data.store.samples["commit"][data.store.indices(Split.TEST)]))
    within_tokens, within_time = (len({sample.commit for sample in samples}) for samples in (wanted, scored))
    out_of_time, out_of_tokens = within_time < within_tokens, within_time < total
    setting = "evaluation.minutes" if out_of_time else "evaluation.tokens" if out_of_tokens else None
    return {"commits": within_time, "of": total, "left_out_by": setting}


def samples_in_time(
    evaluated: EvaluatedModel, samples: Sequence[HeldOutSample], budget: TimeBudget, data: EvaluationData
) -> list[HeldOutSample]:
    """Return samples that can be scored by both models in time.

    The speed is measured on the first batch.

    Args:
        evaluated: The model.
        samples: All samples that are wanted.
        budget: Time for both models.
        data: Chooses fewer samples, of whole commits spread over the test split.
    """
    trial = [sample.ids for sample in samples[: evaluated.batch_size]]
    evaluated.token_nll(trial)  # the first pass also loads kernels and allocates memory
    started = time.perf_counter()
    evaluated.token_nll(trial)
    tokens_per_second = sum(map(len, trial)) / (time.perf_counter() - started)
    max_tokens = int(tokens_per_second * budget.seconds_left / 2)
    fits = sum(len(sample.ids) for sample in samples) <= max_tokens
    return list(samples) if fits else data.test_samples(max_tokens)


def scored_runs(
    data: EvaluationData, sample: HeldOutSample, base: NDArray[np.float64], tuned: NDArray[np.float64]
) -> Iterator[_ScoredRun]:
    """Yield each run of text of a sample in which its commit added lines.

    The special token at the end of a text is in none of them, because it has no bytes.

    Args:
        data: The encoder and the lines of the snapshot.
        sample: The sample, of ``T`` tokens.
        base: The nll of each token by the base, in nats, ``[T]``.
        tuned: The same by the tuned model.
    """
    for run in decode(sample.ids, data.encoder):
        tokens = slice(run.first, run.first + len(run.spans))
        added = sample.roles[tokens] == Role.TARGET
        if added.any():
            new = added & starts_new_line(run.text, run.spans, data.known_lines)
            of_added, of_new = (
                token_nll(run.text, run.spans, chosen, base[tokens], tuned[tokens]) for chosen in (added, new)
            )
            yield _ScoredRun(sample.commit, of_added, of_new, chosen_text(run, added), chosen_text(run, new))


def chosen_text(run: TextRun, chosen: NDArray[np.bool_]) -> str:
    """Return the text of the chosen tokens, ``[T]``; a character that takes several tokens comes once."""
    return "".join(compress(run.text, covered_characters(run.text, run.spans[chosen])))


def xz_baselines(data: EvaluationData, added: str, new: str) -> dict[str, dict[str, float | None] | None]:
    """Return bits per byte by a compressor, of the added lines and of the new ones, alone and given the snapshot.

    None where there are no such lines or the snapshot is too large, and for new lines where there is no snapshot.
    """
    snapshot = "".join(data.snapshot.values()).encode()
    texts = {"floors": added.encode(), "floors_new": new.encode() if snapshot else b""}
    measured = {name: text for name, text in texts.items() if text and len(snapshot) <= LARGEST_SNAPSHOT}
    given = dict(zip(measured, xz_given(snapshot, *measured.values()), strict=True)) if measured and snapshot else {}
    return {
        name: {"xz": xz(text), "xz_given_snapshot": given.get(name)} if name in measured else None
        for name, text in texts.items()
    }


def _commit_figures(commit: dict[str, Any], nll: Nll) -> dict[str, Any]:
    """Return the figures of one commit, a point of the report's curve."""
    return {
        "commit": commit["sha"],
        "time": commit["time"],
        "subject": str(commit["message"]).partition("\n")[0][:120],
        "bytes": nll.bytes,
        "base": bits_per_byte(nll.base, max(1, nll.bytes)),
        "tuned": bits_per_byte(nll.tuned, max(1, nll.bytes)),
    }
