"""rustc's own parser, asked about the files with filled holes where that is wanted."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from codelm.evaluation.rustc import held_to_real
from codelm.evaluation.verdict import in_place
from codelm.examination.deadline import Deadline
from codelm.examination.holes import Asked
from codelm.examination.unmeasured import UnmeasuredError

AT_A_TIME = 8
"""Holes between two looks at the clock; with their answers they are some fifty files."""


def ask_rustc(asked: Sequence[Asked], deadline: Deadline, notes: list[str]) -> dict[str, int]:
    """Let rustc's parser judge the answers to holes in Rust; return of how many holes.

    Args:
        asked: Holes with their answers, whose verdicts are completed.
        deadline: When no more are begun.
        notes: Takes a sentence for what was not judged.

    Raises:
        UnmeasuredError: Of none.
    """
    rust = [each for each in asked if each.hole.language == "rust"]
    if not rust:
        raise UnmeasuredError("rustc was asked about no hole: none that was filled is in Rust")
    done = list(judged(rust, deadline))
    if not done:
        raise UnmeasuredError("rustc was asked about no hole, as no time was left: raise evaluation.minutes")
    if len(done) < len(rust):
        notes.append(f"time allowed rustc {len(done)} of {len(rust)} holes: raise evaluation.minutes")
    if foreign := done.count(False):
        notes.append(f"rustc takes the real file of {foreign} of {len(done)} holes in no edition: they do not count")
    return {"holes": len(done)}


def judged(asked: Sequence[Asked], deadline: Deadline) -> Iterator[bool]:
    """Complete the verdicts of holes until time is up; yield of each hole whether rustc takes its real file."""
    for start in range(0, len(asked), AT_A_TIME):
        if deadline.passed:
            return
        some = asked[start : start + AT_A_TIME]
        filled = [[in_place(each.hole, answer.filling.text) for answer in each.answers.values()] for each in some]
        found = held_to_real([in_place(each.hole, each.hole.text) for each in some], filled)
        for each, taken in zip(some, found, strict=True):
            complete(each, taken)
            yield None not in taken


def complete(asked: Asked, taken: Sequence[bool | None]) -> None:
    """Add to the verdicts of a hole what rustc says of each answer."""
    for (key, answer), good in zip(list(asked.answers.items()), taken, strict=True):
        asked.answers[key] = replace(answer, verdict=replace(answer.verdict, rustc=good))
