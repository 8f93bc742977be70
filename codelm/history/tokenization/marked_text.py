"""A sample as text again, in runs of one role: for people who want to see what a model reads and learns."""

from itertools import pairwise
from typing import NamedTuple

from codelm.history.samples.pieces import Role
from codelm.history.tokenization.decoding import decode
from codelm.history.tokenization.encoder import Encoded, Encoder

__all__ = ["MarkedRun", "marked_runs"]


class MarkedRun(NamedTuple):
    """A run of text of one role.

    Attributes:
        text: The text, or the name of a special token.
        role: What it is there for.
        special: Whether it is a special token.
    """

    text: str
    role: Role
    special: bool


def marked_runs(encoded: Encoded, encoder: Encoder) -> list[MarkedRun]:
    """Return a sample in runs, which are its text when they are put together."""
    names = {token: name for name, token in encoder.special_ids.items()}
    roles = [Role.IGNORED, *map(Role, encoded.roles[1:].tolist())]  # nothing stands before the first token
    runs: dict[int, list[MarkedRun]] = {
        place: [MarkedRun(names[token], roles[place], special=True)]
        for place, token in enumerate(encoded.ids.tolist())
        if token in names
    }
    for run in decode(encoded.ids, encoder):
        of_run = roles[run.first : run.first + len(run.spans)]
        starts = [at for at, role in enumerate(of_run) if at == 0 or role != of_run[at - 1]]
        bounds = [0, *(int(run.spans[at][0]) for at in starts[1:]), len(run.text)]
        runs[run.first] = [
            MarkedRun(run.text[start:stop], of_run[at], special=False)
            for at, (start, stop) in zip(starts, pairwise(bounds), strict=True)
        ]
    return [each for place in sorted(runs) for each in runs[place]]
