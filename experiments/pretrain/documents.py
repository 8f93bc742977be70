r"""Source files as the samples that a base model learns: left to right, or fill-in-the-middle.

A part of a file that fits a row is written in one of StarCoder2's forms, each with its heading or without::

    <repo_name>NAME<file_sep>PATH\n  code
    <repo_name>NAME<file_sep><fim_prefix>PATH\n  before  <fim_suffix>  after  <fim_middle>  middle  <|endoftext|>
    <repo_name>NAME<file_sep><fim_prefix><fim_suffix>  after  <fim_middle>PATH\n  before  middle  <|endoftext|>

The last training is on short parts, in most of which a cursor stands: what is filled in begins inside a line. Some show
another file of the package first, as StarCoder2 was trained::

    <repo_name>NAME<file_sep>PATH\n  code  <file_sep><fim_prefix>PATH\n  before  <fim_suffix>  after  <fim_middle>  ...

Source of the fill-in-the-middle forms: Bavarian et al., "Efficient Training of Language Models to Fill in the
Middle", 2022.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from codelm.git.commits import File
from codelm.history.samples.cursor_spans import cut_at_cursor
from codelm.history.samples.formats import Formats, file_samples
from codelm.history.samples.pieces import (
    Kind,
    Piece,
    Role,
    Sample,
    infill_pieces,
    middle_pieces,
    special_token,
    text_pieces,
)
from codelm.history.tokenization.encoder import Encoder
from codelm.lines import lines_of
from codelm.metrics.retrieval import nearest
from codelm.special_tokens import END_OF_TEXT, FILE_SEPARATOR, MIDDLE, PREFIX, STARCODER2, SUFFIX, SUFFIX_FIRST
from experiments.pretrain.corpus import Document

__all__ = [
    "Parts",
    "cut_lines",
    "in_random_forms",
    "left_to_right",
    "parts_of",
    "prefix_first",
    "with_short_holes",
]

_Cut = tuple[str, str, str]
"""Code cut in three: before, middle, after."""

_BARE_SHARE = 0.3
_FIM_SHARE = 0.5
_LONGEST_MIDDLE = 12
"""Lines of a middle that is cut between lines; half of the middles begin and end at any character instead."""

_SHORT_PART = 384
"""Tokens of a part in which a short hole is cut: the more parts, the more holes."""
_SHORT_FIM_SHARE = 0.8
_CURSOR_SHARE = 0.6
"""Of the short holes, those that begin inside a line; the others are whole lines."""
_SUFFIX_FIRST_SHARE = 0.75
"""Of the short holes, those with the suffix first, where the middle goes on with what stands before it."""
_OTHER_FILE_SHARE = 0.3
"""Of the short parts, those that show a piece of another file of the package first."""
_PIECES_COMPARED = 48
"""Pieces of other files of which the most similar one is shown."""

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


def with_short_holes(
    document: Document, encoder: Encoder, max_tokens: int, *, packages: Mapping[str, Sequence[Document]]
) -> list[Sample]:
    """Return the samples of a file in short parts, most of them with a short hole.

    What is filled in has the role of a target, the code around it, which the model has learned before, that of context.

    Args:
        document: The file.
        encoder: The tokenizer.
        max_tokens: Tokens of a sample at most.
        packages: The files of each package.
    """
    random = Random(f"{document.package}/{document.path} with short holes")
    parts = left_to_right(document, encoder, min(max_tokens // 2, _SHORT_PART) - _OVERHEAD)
    others = _pieces_of_others(document, packages[document.package], encoder, random)
    return [_with_short_hole(parts_of(part), others, random) for part in parts]


def _pieces_of_others(
    document: Document, package: Sequence[Document], encoder: Encoder, random: Random
) -> list[tuple[Piece, ...]]:
    """Return some pieces of other files of a package, each behind its path."""
    others = [each for each in package if each.path != document.path]
    drawn = random.sample(others, min(len(others), _PIECES_COMPARED // 4))
    pieces = [parts_of(part) for each in drawn for part in left_to_right(each, encoder, _SHORT_PART - _OVERHEAD)]
    chosen = random.sample(pieces, min(len(pieces), _PIECES_COMPARED))
    return [(*piece.path, *text_pieces(piece.code, Role.CONTEXT)) for piece in chosen if piece.path]


def _with_short_hole(parts: Parts, others: Sequence[tuple[Piece, ...]], random: Random) -> Sample:
    repository = parts.repository
    if others and repository and random.random() < _OTHER_FILE_SHARE:
        shown = nearest(parts.code, ["".join(piece.text for piece in other) for other in others])
        repository = (*repository, *(others[shown] if shown is not None else ()))
        repository = (*repository, special_token(FILE_SEPARATOR)) if shown is not None else repository
    elif random.random() < _BARE_SHARE:
        repository, parts = (), Parts((), (), parts.code, parts.end)
    if random.random() >= _SHORT_FIM_SHARE:
        return Sample((*repository, *parts.path, *text_pieces(parts.code, Role.TARGET), *parts.end), Kind.FILE)
    order = SUFFIX_FIRST if random.random() < _SUFFIX_FIRST_SHARE else STARCODER2
    before, middle, after = _short_cut(parts.code, random)
    around = infill_pieces(parts.path, text_pieces(before, Role.CONTEXT), text_pieces(after, Role.CONTEXT), order)
    cut = (*around, *middle_pieces(middle, order))
    return Sample((*repository, *cut, special_token(END_OF_TEXT, Role.TARGET)), Kind.FIM)


def _short_cut(code: str, random: Random) -> _Cut:
    span = cut_at_cursor(code, random) if random.random() < _CURSOR_SHARE else None
    if span is None:
        return cut_lines(code, random, _LONGEST_MIDDLE)
    return code[: span.start], code[slice(*span)], code[span.stop :]


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
    before, after = (text_pieces(part, Role.CONTEXT) for part in (cut[0], cut[2]))
    middle = text_pieces(cut[1], Role.TARGET)
    return (special_token(PREFIX), *path, *before, special_token(SUFFIX), *after, special_token(MIDDLE), *middle)


def _suffix_first(path: Sequence[Piece], cut: _Cut) -> tuple[Piece, ...]:
    """Return the pieces of code cut in three, suffix first: before and middle are one piece."""
    before, middle, after = cut
    head = (special_token(PREFIX), special_token(SUFFIX), *text_pieces(after, Role.CONTEXT), special_token(MIDDLE))
    return (*head, *path, *text_pieces(before, Role.CONTEXT), *text_pieces(middle, Role.TARGET))
