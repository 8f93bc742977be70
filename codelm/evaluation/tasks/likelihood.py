"""Likelihood: bits per byte of the lines that held-out commits added, by both models and by a compressor."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import compress, groupby
from operator import attrgetter
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codelm.evaluation.data import EvaluationData, HeldOutSample
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.time_budget import OutOfTimeError, TimeBudget
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
from codelm.metrics.number_format import counted

__all__ = [
    "LARGEST_SNAPSHOT",
    "chosen_text",
    "held_out_samples",
    "likelihood",
    "scored_in_time",
    "scored_runs",
    "xz_baselines",
]

LARGEST_SNAPSHOT = 30_000_000
"""Bytes of the snapshot up to which it is compressed: it is read three times, in one to two seconds a million bytes."""


_Scored = tuple[HeldOutSample, NDArray[np.float64], NDArray[np.float64]]


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
        budget: Time to score them, and to compress them.

    Raises:
        UnmeasuredError: Nothing was held out, or there was no time for any of it.
    """
    wanted = held_out_samples(data, max_tokens)
    scored = scored_in_time(evaluated, wanted, budget.share(0.7), evaluated.as_base)
    runs = [run for each in scored for run in scored_runs(data, *each)]
    added = sum_by_commit((run.commit, run.added) for run in runs)
    new = sum_by_commit((run.commit, run.new) for run in runs)
    total = sum(added.values(), Nll())
    return {
        "commits": len(added),
        "read": _coverage(data, wanted, [sample for sample, _, _ in scored]),
        "bytes": total.bytes,
        "bytes_new": sum(each.bytes for each in new.values()) if data.snapshot else None,
        "tokens": total.tokens,
        "added": comparison(list(added.values())),
        "new": comparison(list(new.values())) if data.snapshot else None,
        **_xz_in_time(data, "".join(run.added_text for run in runs), "".join(run.new_text for run in runs), budget),
        "by_commit": [_commit_figures(data.commit(number), nll) for number, nll in added.items()],
    }


def held_out_samples(data: EvaluationData, max_tokens: int) -> list[HeldOutSample]:
    """Return samples of the test part of at most about ``max_tokens`` tokens; raise `UnmeasuredError` without any."""
    found = data.test_samples(max_tokens)
    if not found:
        raise UnmeasuredError(
            "nothing of the history is left to test on: raise data.held_out, or give a longer history"
        )
    return found


def _coverage(data: EvaluationData, wanted: Sequence[HeldOutSample], scored: Sequence[HeldOutSample]) -> dict[str, Any]:
    """Return how many held-out commits were scored, of how many, and which setting left out the others."""
    total = len(np.unique(data.store.samples["commit"][data.store.indices(Split.TEST)]))
    within_tokens, within_time = (len({sample.commit for sample in samples}) for samples in (wanted, scored))
    out_of_time, out_of_tokens = within_time < within_tokens, within_time < total
    setting = "evaluation.minutes" if out_of_time else "evaluation.tokens" if out_of_tokens else None
    return {"commits": within_time, "of": total, "left_out_by": setting}


def scored_in_time(
    evaluated: EvaluatedModel,
    wanted: Sequence[HeldOutSample],
    budget: TimeBudget,
    as_before: Callable[[], AbstractContextManager[None]],
) -> list[_Scored]:
    """Return the samples that are scored in time, in their order, with the nll before and by the tuned model.

    Args:
        evaluated: The model.
        wanted: The samples.
        budget: The time.
        as_before: Returns a context in which the model is what the tuned one is compared with, such as the base.

    Raises:
        UnmeasuredError: There was no time for any of them.
    """
    batches = _commit_batches(wanted, evaluated.max_tokens, evaluated.batch_size)
    found = evaluated.in_time(batches, partial(_score, evaluated, as_before), budget)
    scored = {id(each[0]): each for batch in found for each in batch}
    if not scored:
        commits = counted(len({sample.commit for sample in wanted}), "held-out commit")
        raise UnmeasuredError(f"time allowed for none of {commits}: raise evaluation.minutes")
    return [scored[id(sample)] for sample in wanted if id(sample) in scored]


def _commit_batches(samples: Sequence[HeldOutSample], tokens: int, most_rows: int) -> list[list[HeldOutSample]]:
    """Return whole commits in random order, so many together as fill one row of tokens, then two, four, and so on."""
    commits = [list(group) for _, group in groupby(samples, attrgetter("commit"))]
    batches: list[list[HeldOutSample]] = [[]]
    for commit in Random(0).sample(commits, len(commits)):
        rows = min(most_rows, 2 ** (len(batches) - 1))
        if batches[-1] and sum(len(sample.ids) for sample in (*batches[-1], *commit)) > rows * tokens:
            batches.append([])
        batches[-1] += commit
    return batches


def _score(
    evaluated: EvaluatedModel,
    as_before: Callable[[], AbstractContextManager[None]],
    samples: Sequence[HeldOutSample],
) -> list[_Scored]:
    """Return samples with the nll of each token, before and by the tuned model."""
    ids = [sample.ids for sample in samples]
    with as_before():
        before = evaluated.token_nll(ids)
    return list(zip(samples, before, evaluated.token_nll(ids), strict=True))


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


def _xz_in_time(data: EvaluationData, added: str, new: str, budget: TimeBudget) -> dict[str, Any]:
    """Return the `xz_baselines`, none of them where there is no time, and whether time left them out."""
    try:
        return xz_baselines(data, added, new, budget.check) | {"floors_left_out": False}
    except OutOfTimeError:
        return {"floors": None, "floors_new": None, "floors_left_out": True}


def xz_baselines(
    data: EvaluationData, added: str, new: str, check: Callable[[], None] = lambda: None
) -> dict[str, dict[str, float | None] | None]:
    """Return bits per byte by a compressor, of the added lines and of the new ones, alone and given the snapshot.

    None where there are no such lines or the snapshot is too large, and for new lines where there is no snapshot.

    Args:
        data: The snapshot.
        added: The text of the added lines.
        new: That of the new ones.
        check: Called now and then; may end the work with an error.
    """
    snapshot = "".join(data.snapshot.values()).encode()
    texts = {"floors": added.encode(), "floors_new": new.encode() if snapshot else b""}
    measured = {name: text for name, text in texts.items() if text and len(snapshot) <= LARGEST_SNAPSHOT}
    given = (
        dict(zip(measured, xz_given(snapshot, *measured.values(), check=check), strict=True))
        if measured and snapshot
        else {}
    )
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
