r"""Source files as the samples that a base model learns: left to right, or fill-in-the-middle.

A part of a file that fits a row is written in one of StarCoder2's forms, each with its heading or without::

    <repo_name>NAME<file_sep>PATH\n  code
    <repo_name>NAME<file_sep><fim_prefix>PATH\n  before  <fim_suffix>  after  <fim_middle>  middle  <|endoftext|>
    <repo_name>NAME<file_sep><fim_prefix><fim_suffix>  after  <fim_middle>PATH\n  before  middle  <|endoftext|>

Source of the fill-in-the-middle forms: Bavarian et al., "Efficient Training of Language Models to Fill in the
Middle", 2022.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from codelm.git.commits import File
from codelm.history.samples.formats import Formats, file_samples
from codelm.history.samples.pieces import Kind, Piece, Role, Sample, special_token, text_pieces
from codelm.history.samples.spans import TokenCounter
from codelm.lines import lines_of
from codelm.special_tokens import END_OF_TEXT, MIDDLE, PREFIX, SUFFIX

__all__ = ["Parts", "cut", "cut_lines", "parts_of", "prefix_first", "samples"]

_BARE_SHARE = 0.3
_FIM_SHARE = 0.5
_LONGEST_MIDDLE = 12
"""Lines of a middle that is cut between lines; half of the middles begin and end at any character instead."""

_OVERHEAD = 4
"""Tokens that fill-in-the-middle adds to a sample: three special tokens and an end of text."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a left-to-right sample: its heading in two, its code, its end of text if it has one."""

    repository: tuple[Piece, ...]
    path: tuple[Piece, ...]
    code: str
    end: tuple[Piece, ...]


def samples(
    package: str, path: str, code: str, max_tokens: int, count: TokenCounter, special: frozenset[str], random: Random
) -> list[Sample]:
    """Return the samples of one file: every character is learned in exactly one of them.

    Args:
        package: The package's name, for the heading.
        path: The file's path, for the heading.
        code: The file's text.
        max_tokens: Tokens of a sample at most.
        count: Returns the number of tokens of each of several texts.
        special: The special tokens that the tokenizer has.
        random: Draws the forms.
    """
    file = File(path, blob="", text=code)
    parts = file_samples(package, file, Formats(), max_tokens - _OVERHEAD, count, special)
    return [_in_random_form(part, random) for part in parts]


def _in_random_form(part: Sample, random: Random) -> Sample:
    """Return a left-to-right sample in a form drawn at random."""
    parts = parts_of(part)
    if random.random() < _BARE_SHARE:
        parts = Parts((), (), parts.code, parts.end)
    if random.random() >= _FIM_SHARE:
        return Sample((*parts.repository, *parts.path, *text_pieces(parts.code, Role.TARGET), *parts.end), Kind.FILE)
    form = random.choice((prefix_first, _suffix_first))
    return Sample(
        (*parts.repository, *form(parts.path, *cut(parts.code, random)), special_token(END_OF_TEXT, Role.TARGET)),
        Kind.FIM,
    )


def parts_of(sample: Sample) -> Parts:
    """Return the parts of a left-to-right sample."""
    heading = tuple(piece for piece in sample.pieces if piece.role == Role.IGNORED)
    code = "".join(piece.text for piece in sample.pieces if piece.role != Role.IGNORED and not piece.special)
    end = tuple(piece for piece in sample.pieces if piece.special and piece.role == Role.TARGET)
    return Parts(heading[:-1], heading[-1:], code, end)


def cut(code: str, random: Random) -> tuple[str, str, str]:
    """Cut code in three at random, half of the time anywhere, else between lines, with a short middle."""
    if random.random() < 0.5:
        start, stop = sorted((random.randint(0, len(code)), random.randint(0, len(code))))
        return code[:start], code[start:stop], code[stop:]
    return cut_lines(code, random, _LONGEST_MIDDLE)


def cut_lines(code: str, random: Random, longest: int) -> tuple[str, str, str]:
    """Cut code in three between lines, with a middle of one to ``longest`` lines."""
    lines = lines_of(code)
    start = random.randrange(len(lines))
    stop = min(len(lines), start + random.randint(1, longest))
    return "".join(lines[:start]), "".join(lines[start:stop]), "".join(lines[stop:])


def prefix_first(path: Sequence[Piece], before: str, middle: str, after: str) -> tuple[Piece, ...]:
    """Return the pieces of code cut in three, prefix first: before, after, middle.

    Args:
        path: The pieces of the heading that stand before the code.
        before: The code before the middle.
        middle: The code to fill in.
        after: The code after the middle.
    """
    head = (
        special_token(PREFIX),
        *path,
        *text_pieces(before, Role.TARGET),
        special_token(SUFFIX),
        *text_pieces(after, Role.TARGET),
    )
    return (*head, special_token(MIDDLE), *text_pieces(middle, Role.TARGET))


def _suffix_first(path: Sequence[Piece], before: str, middle: str, after: str) -> tuple[Piece, ...]:
    """Return the pieces of code cut in three, suffix first: after, then before and middle in one piece.

    Args:
        path: The pieces of the heading that stand before the code.
        before: The code before the middle.
        middle: The code to fill in.
        after: The code after the middle.
    """
    head = (special_token(PREFIX), special_token(SUFFIX), *text_pieces(after, Role.TARGET), special_token(MIDDLE))
    return (*head, *path, *text_pieces(before + middle, Role.TARGET))
