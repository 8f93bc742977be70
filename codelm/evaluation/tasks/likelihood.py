"""What held-out commits cost the base and the tuned model, beside what they cost a compressor."""

import time
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codelm.evaluation.budget import Deadline
from codelm.evaluation.data import Chunk, Material
from codelm.evaluation.model import Examinee
from codelm.evaluation.unmeasured import UnmeasuredError
from codelm.history.samples.formats import Role
from codelm.history.store import Part
from codelm.history.tokenization.decoding import Run, decode
from codelm.metrics.compression import xz, xz_given
from codelm.metrics.likelihood import Cost, bits_per_byte, by_commit, compared, cost, covered, on_new_lines

LARGEST_SNAPSHOT = 30_000_000
"""Bytes of the snapshot up to which it is compressed, three times, which takes one to two seconds for each million."""


class Scored(NamedTuple):
    """A run of text that a commit added to, scored by both models.

    Attributes:
        commit: The commit's number.
        added: What its added lines cost.
        new: What those of them cost that no file of the snapshot holds.
        added_text: The added lines.
        new_text: The new ones among them.
    """

    commit: int
    added: Cost
    new: Cost
    added_text: str
    new_text: str


def likelihood(examinee: Examinee, material: Material, most_tokens: int, deadline: Deadline) -> dict[str, Any]:
    """Return the figures of the added lines, of those that no file of the snapshot holds, and of each commit.

    Without a snapshot nobody knows what is new.

    Raises:
        UnmeasuredError: Nothing was held out.
    """
    asked = material.test_chunks(most_tokens)
    if not asked:
        raise UnmeasuredError(
            "nothing of the history is left to test on: raise data.held_out, or give a longer history"
        )
    chunks = within(examinee, asked, deadline, material)
    with examinee.as_base():
        base = examinee.surprise([chunk.ids for chunk in chunks])
    tuned = examinee.surprise([chunk.ids for chunk in chunks])
    parts = [part for each in zip(chunks, base, tuned, strict=True) for part in scored(material, *each)]
    added = by_commit((part.commit, part.added) for part in parts)
    new = by_commit((part.commit, part.new) for part in parts)
    total = sum(added.values(), Cost())
    return {
        "commits": len(added),
        "read": reading(material, asked, chunks),
        "bytes": total.bytes,
        "bytes_new": sum(each.bytes for each in new.values()) if material.snapshot else None,
        "tokens": total.tokens,
        "added": compared(list(added.values())),
        "new": compared(list(new.values())) if material.snapshot else None,
        **floors(material, "".join(part.added_text for part in parts), "".join(part.new_text for part in parts)),
        "by_commit": [of_commit(material.commit(number), each) for number, each in added.items()],
    }


def reading(material: Material, asked: Sequence[Chunk], read: Sequence[Chunk]) -> dict[str, Any]:
    """Return how many held-out commits were read, of how many, and which setting left out the others."""
    table = material.store.samples
    there = len(np.unique(table["commit"][material.store.part(Part.TEST)]))
    wanted, known = (len({chunk.commit for chunk in chunks}) for chunks in (asked, read))
    short = "evaluation.minutes" if known < wanted else "evaluation.tokens" if known < there else None
    return {"commits": known, "of": there, "left_out_by": short}


def within(examinee: Examinee, chunks: Sequence[Chunk], deadline: Deadline, material: Material) -> list[Chunk]:
    """Return chunks that can be read twice in time, of whole commits spread over all; the first ones are read once."""
    trial = [chunk.ids for chunk in chunks[: examinee.batch_size]]
    examinee.surprise(trial)  # the first pass pays for kernels and memory
    started = time.perf_counter()
    examinee.surprise(trial)
    speed = sum(map(len, trial)) / (time.perf_counter() - started)
    can = int(speed * deadline.left / 2)
    return list(chunks) if sum(len(chunk.ids) for chunk in chunks) <= can else material.test_chunks(can)


def scored(material: Material, chunk: Chunk, base: NDArray[np.float64], tuned: NDArray[np.float64]) -> Iterator[Scored]:
    """Yield each run of text in a chunk to which its commit added; the end of text counts nowhere: it has no bytes."""
    for run in decode(chunk.ids, material.encoder):
        place = slice(run.first, run.first + len(run.spans))
        added = chunk.roles[place] == Role.TARGET
        if added.any():
            new = added & on_new_lines(run.text, run.spans, material.known_lines)
            of_added, of_new = (cost(run.text, run.spans, some, base[place], tuned[place]) for some in (added, new))
            yield Scored(chunk.commit, of_added, of_new, text_of(run, added), text_of(run, new))


def text_of(run: Run, chosen: NDArray[np.bool_]) -> str:
    """Return the text of the chosen tokens; a character that takes several tokens stands there once."""
    return "".join(compress(run.text, covered(run.text, run.spans[chosen])))


def floors(material: Material, added: str, new: str) -> dict[str, dict[str, float | None] | None]:
    """Return what a compressor needs for the added lines, and for the new ones, alone and given the snapshot.

    None where there are no such lines or the snapshot is too large. Without a snapshot none can be given, and nobody
    knows what is new.
    """
    snapshot = "".join(material.snapshot.values()).encode()
    texts = {"floors": added.encode(), "floors_new": new.encode() if snapshot else b""}
    asked = {name: text for name, text in texts.items() if text and len(snapshot) <= LARGEST_SNAPSHOT}
    given = dict(zip(asked, xz_given(snapshot, *asked.values()), strict=True)) if asked and snapshot else {}
    return {
        name: {"xz": xz(text), "xz_given_snapshot": given.get(name)} if name in asked else None
        for name, text in texts.items()
    }


def of_commit(commit: dict[str, Any], found: Cost) -> dict[str, Any]:
    """Return one commit's point of the curve."""
    return {
        "commit": commit["sha"],
        "time": commit["time"],
        "subject": str(commit["message"]).partition("\n")[0][:120],
        "bytes": found.bytes,
        "base": bits_per_byte(found.base, max(1, found.bytes)),
        "tuned": bits_per_byte(found.tuned, max(1, found.bytes)),
    }
