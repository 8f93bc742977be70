r"""Samples made from changes and files, in the format that a model was trained on.

StarCoder2's is::

    <repo_name>NAME<file_sep>PATH\n  window  <|endoftext|>
    <repo_name>NAME<file_sep><fim_prefix>PATH\n  before  <fim_suffix>  after  <fim_middle>  middle  <|endoftext|>

A window shows the file after the commit: the lines that the commit added are learned, the unchanged ones around them
are context. It ends with the end of text only where the file ends. A middle is what one hunk added, or a part that
begins inside a line, so it always ends with the end of text. Each added line of a change is learned in exactly one of
its samples; in the others it may be context.

Without the special tokens of the heading, or where the path would fill half a row, a sample has no heading:
a bare path would teach a model that files begin with their names.
"""

import hashlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random

from codelm.errors import InputError
from codelm.git.commits import Change, File
from codelm.history.samples.cursor_spans import TextSpan, cut_at_cursor
from codelm.history.samples.long_lines import Span, TokenCounter
from codelm.history.samples.pieces import (
    Kind,
    Piece,
    Role,
    Sample,
    heading_pieces,
    infill_pieces,
    path_pieces,
    special_tokens,
    text_pieces,
)
from codelm.history.samples.windows import MeasuredFile, Window, measure_file, widen, windows
from codelm.lines import lines_of
from codelm.special_tokens import AUTO, FORMAT_SETTINGS, PromptFormat, Slot

__all__ = ["Formats", "change_samples", "file_samples", "missing_capabilities"]


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class Formats:
    """How changes and files are written down for the model.

    Attributes:
        fim_rate: Share of the hunks, from 0 to 1, learned as fill-in-the-middle; the others are learned left to right.
        cursor_rate: Share of the hunks filled in, from 0 to 1, of which a part that begins inside a line is to be
            filled in, as where a cursor stands; of the others it is the whole hunk.
        context_lines: Unchanged lines shown before a hunk and, where the hunk is to be filled in, after it; fewer where
            the row is too short.
        whole_files: Also learn the files as they stand at the end of the training history.
        fim_format: The format in which hunks are filled in, by its name in docs/models.md. "auto" takes that of the
            base's family where it was trained to fill in, or where its predictions show that it can.
    """

    fim_rate: float = 0.5
    cursor_rate: float = 0.5
    context_lines: int = 32
    whole_files: bool = True
    fim_format: str = AUTO

    def __post_init__(self) -> None:
        for name in ("fim_rate", "cursor_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"data.formats.{name} is {getattr(self, name)}: give a share between 0 and 1")
        if self.context_lines < 0:
            raise InputError(f"data.formats.context_lines is {self.context_lines}: give 0 or more lines")
        if self.fim_format not in FORMAT_SETTINGS:
            raise InputError(f"data.formats.fim_format is {self.fim_format}: give one of {', '.join(FORMAT_SETTINGS)}")


@dataclass(frozen=True, slots=True)
class _FileFrame:
    """The pieces around the code of one file, the same in each of its samples."""

    prompt_format: PromptFormat
    heading: tuple[Piece, ...]
    """What stands before the path."""
    path: tuple[Piece, ...]
    start: tuple[Piece, ...]
    """Heading and path of code that is learned left to right."""
    end: tuple[Piece, ...]
    end_of_middle: tuple[Piece, ...]
    max_code_tokens: int
    """Tokens that a row has left for code which is learned left to right up to the end of text."""


def change_samples(
    repository_name: str,
    commit_sha: str,
    change: Change,
    formats: Formats,
    max_tokens: int,
    count: TokenCounter,
    prompt_format: PromptFormat,
    seed: int,
) -> list[Sample]:
    """Return the samples that teach the added lines of one change.

    Which hunks are filled in depends on nothing but the seed, the commit, the path and the hunk's place in the change.

    Args:
        repository_name: The first name in the heading.
        commit_sha: The commit of the change.
        change: The file before and after the commit.
        formats: The settings of the samples.
        max_tokens: The most tokens of a sample.
        count: Returns the number of tokens of each text. An estimate will do, because
            `codelm.history.tokenization.encoder.encode_within` checks the lengths.
        prompt_format: What the tokenizer has of the model's format.
        seed: The seed of the draw.
    """
    frame = _file_frame(repository_name, change.path, max_tokens, count, prompt_format)
    added = [Span(hunk.new_start, hunk.new_start + len(hunk.added)) for hunk in change.hunks]
    lines = lines_of(change.after or "")
    measured = measure_file(lines, added, formats.context_lines, frame.max_code_tokens, count)
    rate, reserved = formats.fim_rate if prompt_format.infill else 0.0, len(prompt_format.infill_tokens)
    names = seed, commit_sha, change.path
    shown = {
        hunk: window
        for index, hunk in enumerate(measured.spans)
        if _drawn(*names, index) < rate and (window := _fim_window(measured, hunk, reserved))
    }
    rest = [hunk for hunk in measured.spans if hunk not in shown]
    filled_in = (
        _fill_in_the_middle(frame, measured.lines, hunk, window, formats.cursor_rate, Random(_drawn(*names, *hunk)))
        for hunk, window in shown.items()
    )
    return [*_left_to_right(frame, measured, rest, Kind.CHANGE), *filled_in]


def file_samples(
    repository_name: str,
    file: File,
    formats: Formats,
    max_tokens: int,
    count: TokenCounter,
    prompt_format: PromptFormat,
) -> list[Sample]:
    """Return the samples that teach a whole file; none if it is empty or was not read.

    A file longer than a row is cut before an item of the file where one begins in the row's second half. Every part
    has the heading and no other context; the last one ends with the end of text.

    Args:
        repository_name: The first name in the heading.
        file: The file.
        formats: The settings of the samples; there are none where ``whole_files`` is off.
        max_tokens: The most tokens of a sample.
        count: Returns the number of tokens of each text; an estimate will do, as in `change_samples`.
        prompt_format: What the tokenizer has of the model's format.
    """
    lines = lines_of(file.text or "") if formats.whole_files else []
    frame = _file_frame(repository_name, file.path, max_tokens, count, prompt_format)
    measured = measure_file(lines, [Span(0, len(lines))], 0, frame.max_code_tokens, count)
    return list(_left_to_right(frame, measured, measured.spans, Kind.FILE))


def missing_capabilities(wanted: PromptFormat, special: Container[str]) -> list[str]:
    """Return a sentence for each thing of a format that a tokenizer with only these special tokens cannot do."""
    lacking = [name for name in wanted.tokens if name not in special]
    notices = (
        (wanted.infill_tokens, "changes are learned left to right only"),
        (wanted.heading_tokens, "samples carry no repository name and no path"),
        ((wanted.end,), "the end of a text is not learned"),
    )
    return [
        f"the tokenizer has no {', '.join(name for name in lacking if name in needed)}: {effect}"
        for needed, effect in notices
        if set(needed) & set(lacking)
    ]


def _file_frame(
    repository_name: str, path: str, max_tokens: int, count: TokenCounter, prompt_format: PromptFormat
) -> _FileFrame:
    """Return the frame of a file; without a heading where the format has none or it would fill half of the row."""
    begin, heading = special_tokens(prompt_format.begin), heading_pieces(repository_name, prompt_format)
    line = path_pieces(path) if heading or Slot.PATH_LINE in prompt_format.infill else ()
    end = special_tokens(prompt_format.end, role=Role.TARGET)
    end_of_middle = special_tokens(prompt_format.end_of_middle, role=Role.TARGET) or end
    texts = [piece.text for piece in (*heading, *line) if not piece.special]
    length = sum(count(texts)) + sum(piece.special for piece in heading)
    if length > max_tokens // 2:
        heading, line, length = (), (), 0
    start = (*begin, *heading, *(line if heading else ()))
    most = max_tokens - length - len(begin) - len(end)
    return _FileFrame(prompt_format, (*begin, *heading), line, start, end, end_of_middle, most)


def _drawn(seed: int, *names: object) -> float:
    """Return a number from 0 to 1: the same seed and names give the same one on every machine, in every run."""
    digest = hashlib.sha256("\0".join(map(str, (seed, *names))).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _fim_window(measured: MeasuredFile, hunk: Span, reserved: int) -> Span | None:
    """Return a hunk with the lines to show around it; None if it is too long, empty, or nothing stands around it."""
    window = widen(measured, hunk, measured.max_tokens - reserved)
    return window if window != hunk and hunk.start < hunk.stop else None


def _left_to_right(frame: _FileFrame, measured: MeasuredFile, spans: Sequence[Span], kind: Kind) -> Iterator[Sample]:
    """Yield the samples in which the lines of some of the file's spans are learned after those before them."""
    learned = {line for span in spans for line in range(*span)}
    for window in windows(measured, [span for span in spans if span.start < span.stop]):
        end = frame.end if window.stop == len(measured.lines) else ()
        yield Sample((*frame.start, *_pieces_by_role(measured.lines, window, learned), *end), kind)


def _pieces_by_role(lines: Sequence[str], window: Window, learned: Container[int]) -> Iterator[Piece]:
    """Yield the lines of a window, joined where they have the same role."""

    def role_of(line: int) -> Role:
        return Role.TARGET if line >= window.learn and line in learned else Role.CONTEXT

    for role, run in groupby(range(window.start, window.stop), key=role_of):
        yield Piece("".join(lines[line] for line in run), role)


def _fill_in_the_middle(
    frame: _FileFrame, lines: Sequence[str], hunk: Span, window: Span, cursor_rate: float, random: Random
) -> Sample:
    """Return the sample in which a hunk, or a span of it, is filled in between what its window shows around it.

    What the hunk adds around the span is learned as well.

    Args:
        frame: The pieces around the code.
        lines: The lines of the file.
        hunk: The lines to learn.
        window: The lines to show.
        cursor_rate: How likely a span is cut that begins inside a line.
        random: Draws whether, and where.
    """
    added = "".join(lines[hunk.start : hunk.stop])
    cut = cut_at_cursor(added, random) if random.random() < cursor_rate else None
    start, stop = cut or TextSpan(0, len(added))
    before = text_pieces("".join(lines[window.start : hunk.start]), Role.CONTEXT)
    after = text_pieces("".join(lines[hunk.stop : window.stop]), Role.CONTEXT)
    head, tail = text_pieces(added[:start], Role.TARGET), text_pieces(added[stop:], Role.TARGET)
    given = infill_pieces(frame.path, (*before, *head), (*tail, *after), frame.prompt_format)
    middle = text_pieces(added[start:stop], Role.TARGET)
    return Sample((*frame.heading, *given, *middle, *frame.end_of_middle), Kind.FIM)
