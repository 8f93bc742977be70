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
from codelm.history.tokenization.encoder import Encoder
from codelm.lines import lines_of
from codelm.special_tokens import END_OF_TEXT, MIDDLE, PREFIX, SUFFIX
from experiments.pretrain.corpus import Document

__all__ = ["Parts", "cut_lines", "in_random_forms", "left_to_right", "parts_of", "prefix_first"]

_Cut = tuple[str, str, str]
"""Code cut in three: before, middle, after."""

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


def left_to_right(document: Document, encoder: Encoder, max_tokens: int) -> list[Sample]:
    """Return the samples of a file, left to right."""
    file = File(document.path, blob="", text=document.text)
    return file_samples(document.package, file, Formats(), max_tokens, encoder.count, encoder.format)


def in_random_forms(document: Document, encoder: Encoder, max_tokens: int) -> list[Sample]:
    """Return the samples of a file in forms that its name alone decides; each character is learned in one of them."""
    random = Random(f"{document.package}/{document.path}")
    return [_in_random_form(part, random) for part in left_to_right(document, encoder, max_tokens - _OVERHEAD)]


def _in_random_form(part: Sample, random: Random) -> Sample:
    parts = parts_of(part)
    if random.random() < _BARE_SHARE:
        parts = Parts((), (), parts.code, parts.end)
    if random.random() >= _FIM_SHARE:
        return Sample((*parts.repository, *parts.path, *text_pieces(parts.code, Role.TARGET), *parts.end), Kind.FILE)
    form = random.choice((prefix_first, _suffix_first))
    cut = form(parts.path, _cut(parts.code, random))
    return Sample((*parts.repository, *cut, special_token(END_OF_TEXT, Role.TARGET)), Kind.FIM)


def parts_of(sample: Sample) -> Parts:
    """Return the parts of a left-to-right sample."""
    heading = tuple(piece for piece in sample.pieces if piece.role == Role.IGNORED)
    code = "".join(piece.text for piece in sample.pieces if piece.role != Role.IGNORED and not piece.special)
    end = tuple(piece for piece in sample.pieces if piece.special and piece.role == Role.TARGET)
    return Parts(heading[:-1], heading[-1:], code, end)


def _cut(code: str, random: Random) -> _Cut:
    """Cut code in three at random, half of the time anywhere, else between lines, with a short middle."""
    if random.random() < 0.5:
        start, stop = sorted((random.randint(0, len(code)), random.randint(0, len(code))))
        return code[:start], code[start:stop], code[stop:]
    return cut_lines(code, random, _LONGEST_MIDDLE)


def cut_lines(code: str, random: Random, longest: int) -> _Cut:
    """Cut code in three between lines, with a middle of one to ``longest`` lines."""
    lines = lines_of(code)
    start = random.randrange(len(lines))
    stop = min(len(lines), start + random.randint(1, longest))
    return "".join(lines[:start]), "".join(lines[start:stop]), "".join(lines[stop:])


def prefix_first(path: Sequence[Piece], cut: _Cut) -> tuple[Piece, ...]:
    """Return the pieces of code cut in three, prefix first; ``path`` is the part of the heading that stands before."""
    before, middle, after = (text_pieces(part, Role.TARGET) for part in cut)
    return (special_token(PREFIX), *path, *before, special_token(SUFFIX), *after, special_token(MIDDLE), *middle)


def _suffix_first(path: Sequence[Piece], cut: _Cut) -> tuple[Piece, ...]:
    """Return the pieces of code cut in three, suffix first: before and middle are one piece."""
    before, middle, after = cut
    head = (special_token(PREFIX), special_token(SUFFIX), *text_pieces(after, Role.TARGET), special_token(MIDDLE))
    return (*head, *path, *text_pieces(before + middle, Role.TARGET))
