r"""Source files as the samples that a base model learns: left to right, or with a hole to be filled in.

A part of a file that fits a row is written in one of StarCoder2's forms, each with its heading or without::

    <repo_name>NAME<file_sep>PATH\n  code
    <repo_name>NAME<file_sep><fim_prefix>PATH\n  before  <fim_suffix>  after  <fim_middle>  hole  <|endoftext|>
    <repo_name>NAME<file_sep><fim_prefix><fim_suffix>  after  <fim_middle>PATH\n  before  hole  <|endoftext|>

Source of the forms with a hole: Bavarian et al., "Efficient Training of Language Models to Fill in the Middle", 2022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from codelm.git.commits import File
from codelm.history.samples.formats import (
    END,
    MIDDLE,
    PREFIX,
    SUFFIX,
    Formats,
    Kind,
    Piece,
    Role,
    Sample,
    file_samples,
    sentinel,
    text,
)
from codelm.history.samples.windows import Count
from codelm.lines import lines_of

BARE_SHARE = 0.3
FIM_SHARE = 0.5
LONGEST_HOLE = 12
"""Lines; the other half of the holes begin and end at any character."""

OVERHEAD = 4
"""Tokens that a hole adds to a row: three sentinels and an end."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A sample of a file, taken apart: its heading in two, its code, its end of text if it has one."""

    repository: tuple[Piece, ...]
    path: tuple[Piece, ...]
    code: str
    end: tuple[Piece, ...]


def samples(
    package: str, path: str, code: str, room: int, count: Count, special: frozenset[str], random: Random
) -> list[Sample]:
    """Return the samples of one file: every character is learned in exactly one of them."""
    file = File(path, blob="", text=code)
    parts = file_samples(package, file, Formats(), room - OVERHEAD, count, special)
    return [written(part, random) for part in parts]


def written(part: Sample, random: Random) -> Sample:
    """Return a part of a file in a form drawn at random."""
    parts = taken_apart(part)
    if random.random() < BARE_SHARE:
        parts = Parts((), (), parts.code, parts.end)
    if random.random() >= FIM_SHARE:
        return Sample((*parts.repository, *parts.path, *text(parts.code, Role.TARGET), *parts.end), Kind.FILE)
    form = random.choice((prefix_first, suffix_first))
    return Sample(
        (*parts.repository, *form(parts.path, *cut(parts.code, random)), sentinel(END, Role.TARGET)), Kind.FIM
    )


def taken_apart(part: Sample) -> Parts:
    """Return the parts of a sample that shows a file left to right."""
    heading = tuple(piece for piece in part.pieces if piece.role == Role.SILENT)
    code = "".join(piece.text for piece in part.pieces if piece.role != Role.SILENT and not piece.special)
    end = tuple(piece for piece in part.pieces if piece.special and piece.role == Role.TARGET)
    return Parts(heading[:-1], heading[-1:], code, end)


def cut(code: str, random: Random) -> tuple[str, str, str]:
    """Cut code in three at random: half of the time between lines, with a short middle, else anywhere."""
    if random.random() < 0.5:
        start, stop = sorted((random.randint(0, len(code)), random.randint(0, len(code))))
        return code[:start], code[start:stop], code[stop:]
    return cut_lines(code, random, LONGEST_HOLE)


def cut_lines(code: str, random: Random, longest: int) -> tuple[str, str, str]:
    """Cut code in three between lines, with a middle of one to ``longest`` lines."""
    lines = lines_of(code)
    start = random.randrange(len(lines))
    stop = min(len(lines), start + random.randint(1, longest))
    return "".join(lines[:start]), "".join(lines[start:stop]), "".join(lines[stop:])


def prefix_first(path: Sequence[Piece], before: str, hole: str, after: str) -> tuple[Piece, ...]:
    """Write a hole after what stands before and after it."""
    head = (sentinel(PREFIX), *path, *text(before, Role.TARGET), sentinel(SUFFIX), *text(after, Role.TARGET))
    return (*head, sentinel(MIDDLE), *text(hole, Role.TARGET))


def suffix_first(path: Sequence[Piece], before: str, hole: str, after: str) -> tuple[Piece, ...]:
    """Write a hole in one flow with what stands before it, after what stands after it."""
    head = (sentinel(PREFIX), sentinel(SUFFIX), *text(after, Role.TARGET), sentinel(MIDDLE))
    return (*head, *path, *text(before + hole, Role.TARGET))
