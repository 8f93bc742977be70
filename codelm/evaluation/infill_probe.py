"""Measurement of whether a base can fill in the middle with a format: its tokens in a vocabulary prove nothing.

Lines of general code are taken out and scored three times: after what stands before them, after both sides in the
format, and after the same text with what follows first, which shows all of its names without any special token. A model
that was trained with the format finds them likeliest in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from statistics import fmean
from typing import NamedTuple

from codelm.errors import InputError
from codelm.evaluation.general import own_texts
from codelm.evaluation.model import EvaluatedModel, continuation_nll
from codelm.history.samples.pieces import Kind, Role, Sample, special_tokens, text_pieces
from codelm.history.samples.prompts import Prompt, prompt
from codelm.history.tokenization.encoder import Encoder
from codelm.lines import lines_of
from codelm.metrics.intervals import MIN_CLUSTERS, mean_difference
from codelm.token_healing import cut_back

__all__ = ["InfillProbe", "probe_infill"]

_TASKS = 36
"""Runs of lines that are taken out."""
_LINES_AROUND = 8
"""Lines shown before and after them, at most."""
_OTHER_TOKENS = 64
"""Tokens that are kept free for the path and special tokens."""
_LONGEST = 3
"""Lines that are taken out at a place, at most."""


@dataclass(frozen=True, slots=True)
class InfillProbe:
    """The mean nll of the lines taken out, in nats a token, in each of three forms.

    Attributes:
        without: After what stands before them.
        shown_first: After the same, with what follows them first.
        in_format: Between both, in the format.
        fills_in: Whether the format makes them likelier than either other form does.
    """

    without: float
    shown_first: float
    in_format: float
    fills_in: bool


class _Task(NamedTuple):
    """Lines of a file and what stands around them; the line ends are with the lines that follow."""

    path: str
    before: str
    middle: str
    after: str


def probe_infill(evaluated: EvaluatedModel, encoder: Encoder) -> InfillProbe:
    """Return how likely lines of general code are to a model without what follows them, and with it.

    The model fills in if they are likelier in the format than in both other forms, each with a 95 % interval.

    Raises:
        InputError: The model's rows are too short for the tasks.
    """
    drawn = list(_draw_tasks(Random(0)))
    lengths = encoder.count([task.before + task.middle + task.after for task in drawn])
    longest = evaluated.max_tokens - _OTHER_TOKENS
    tasks = [task for task, length in zip(drawn, lengths, strict=True) if length <= longest]
    if len(tasks) < MIN_CLUSTERS:
        raise InputError(
            f"rows of {evaluated.max_tokens} tokens are too short to tell whether the base fills in: give "
            f"data.formats.fim_format {encoder.format.name} or left-to-right"
        )
    forms = (
        [_left_to_right(task.before, encoder) for task in tasks],
        [_left_to_right(f"{task.after}\n{task.before}", encoder) for task in tasks],
        [prompt("", task.path, task.before, task.after, encoder.format) for task in tasks],
    )
    without, shown_first, in_format = (_mean_nll(evaluated, encoder, form, tasks) for form in forms)
    gains = [mean_difference(other, in_format, range(len(tasks))).high for other in (without, shown_first)]
    return InfillProbe(
        fmean(without),
        fmean(shown_first),
        fmean(in_format),
        fills_in=all(high is not None and high < 0 for high in gains),
    )


def _draw_tasks(random: Random) -> Iterator[_Task]:
    """Yield lines of general code, from all of its files alike."""
    files = own_texts()
    for number in range(_TASKS):
        file = files[number % len(files)]
        lines = lines_of(file.text)
        start = random.randrange(1, len(lines) - _LONGEST)
        places = (max(0, start - _LINES_AROUND), start, start + random.randint(1, _LONGEST), start + _LINES_AROUND)
        before, middle, after = ("".join(lines[first:last]).removesuffix("\n") for first, last in pairwise(places))
        yield _Task(file.name, before, f"\n{middle}", f"\n{after}\n")


def _left_to_right(text: str, encoder: Encoder) -> Prompt:
    kept, typed = cut_back(text)
    pieces = (*special_tokens(encoder.format.begin), *text_pieces(kept, Role.CONTEXT))
    return Prompt(Sample(pieces, Kind.CHANGE), typed)


def _mean_nll(
    evaluated: EvaluatedModel, encoder: Encoder, prompts: Sequence[Prompt], tasks: Sequence[_Task]
) -> list[float]:
    """Return the mean nll of the tokens of each task's middle after its prompt, in nats."""
    given = encoder.encode_prompts(prompts)
    located = [encoder.locate(one.typed + task.middle, inside=True) for one, task in zip(given, tasks, strict=True)]
    nll = continuation_nll(evaluated, given, [ids for ids, _ in located])
    of_middle = ([end > len(one.typed) for _, end in spans] for one, (_, spans) in zip(given, located, strict=True))
    return [float(each[kept].mean()) for each, kept in zip(nll, of_middle, strict=True)]
