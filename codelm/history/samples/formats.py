r"""From a change or a file to what the model reads: all prompt formats live here.

The formats are those of StarCoder2's own training::

    <repo_name>NAME<file_sep>PATH\n  window  <|endoftext|>
    <repo_name>NAME<file_sep><fim_prefix>PATH\n  before  <fim_suffix>  after  <fim_middle>  hole  <|endoftext|>

A window shows the file after the commit: the lines that the commit added are learned, the unchanged ones around them
are context. It ends with the end of text only where the file ends. A hole is what one hunk added, so its end is always
a true one. Each added line of a change is learned in exactly one of its samples; in the others it may be context.

Without the tokens for the repository and the file, or where the path would fill half a row, a sample carries no
heading: a bare path would teach a model that files begin with their names.
"""

import hashlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import groupby

from codelm.errors import InputError
from codelm.git.commits import Change, File
from codelm.history.samples.windows import Count, Page, Span, Window, around, lay_out, windows
from codelm.lines import lines_of

REPOSITORY, FILE, END = "<repo_name>", "<file_sep>", "<|endoftext|>"
PREFIX, SUFFIX, MIDDLE = "<fim_prefix>", "<fim_suffix>", "<fim_middle>"
HEADING_TOKENS = frozenset({REPOSITORY, FILE})
FIM_TOKENS = frozenset({PREFIX, SUFFIX, MIDDLE})
SENTINELS = (END, REPOSITORY, FILE, PREFIX, SUFFIX, MIDDLE)


class Role(IntEnum):
    """What a token is there for; where a token belongs to two pieces, the higher role counts."""

    SILENT = 0
    """Never learned: names and sentinels that we put there ourselves."""
    CONTEXT = 1
    """Unchanged text, learned a little or not at all, as the settings say."""
    TARGET = 2
    """What the author wrote."""


class Kind(IntEnum):
    """The shape of a sample."""

    FILE = 0
    CHANGE = 1
    """The window of a change, left to right."""
    FIM = 2
    """A hunk to fill in between what stands before and after it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text with one role; if ``special``, the text is the name of a special token."""

    text: str
    role: Role
    special: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What is put before the model as one document."""

    pieces: tuple[Piece, ...]
    kind: Kind


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class Formats:
    """How changes and files are written down for the model.

    Attributes:
        fim_rate: Share of the hunks, from 0 to 1, learned as fill-in-the-middle; the others are learned left to right.
        context_lines: Unchanged lines shown before a hunk and, where the hunk is to be filled in, after it; fewer where
            the row is too short.
        whole_files: Also learn the files as they stand at the end of the training history.
    """

    fim_rate: float = 0.5
    context_lines: int = 32
    whole_files: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.fim_rate <= 1:
            raise InputError(f"fim_rate is {self.fim_rate}: give a share between 0 and 1")
        if self.context_lines < 0:
            raise InputError(f"context_lines is {self.context_lines}: give 0 or more lines")


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the code of one file, whatever its window."""

    repository: tuple[Piece, ...]
    path: tuple[Piece, ...]
    end: tuple[Piece, ...]
    budget: int
    """Tokens that a row has left for code which is learned left to right up to the end of text."""


def change_samples(
    repository_name: str,
    commit_sha: str,
    change: Change,
    formats: Formats,
    room: int,
    count: Count,
    special: frozenset[str],
    seed: int,
) -> list[Sample]:
    """Return the samples that teach the added lines of one change, each of at most ``room`` tokens.

    ``count`` need only be an estimate: `codelm.history.tokenization.encoding.fitted` checks the lengths. Which hunks
    are filled in depends on nothing but the seed, the commit, the path and the hunk's place among the change's hunks.
    """
    frame = frame_of(repository_name, change.path, room, count, special)
    added = [Span(hunk.new_start, hunk.new_start + len(hunk.added)) for hunk in change.hunks]
    page = lay_out(lines_of(change.after or ""), added, formats.context_lines, frame.budget, count)
    rate = formats.fim_rate if special >= FIM_TOKENS else 0.0
    holes = {
        hole: around_it
        for index, hole in enumerate(page.spans)
        if chosen(rate, seed, commit_sha, change.path, index) and (around_it := surroundings(page, hole))
    }
    rest = [span for span in page.spans if span not in holes]
    middles = (fill_in_the_middle(frame, page, hole, around_it) for hole, around_it in holes.items())
    return [*left_to_right(frame, page, rest, Kind.CHANGE), *middles]


def file_samples(
    repository_name: str, file: File, formats: Formats, room: int, count: Count, special: frozenset[str]
) -> list[Sample]:
    """Return the samples that teach a whole file, each of at most ``room`` tokens; none if it is empty or unread.

    A file longer than a row is cut before an item of the file where one begins in the row's second half. Every part
    carries the heading and no other context; the last one ends with the end of text.
    """
    lines = lines_of(file.text or "") if formats.whole_files else []
    frame = frame_of(repository_name, file.path, room, count, special)
    page = lay_out(lines, [Span(0, len(lines))], 0, frame.budget, count)
    return list(left_to_right(frame, page, page.spans, Kind.FILE))


def shortcomings(special: Container[str]) -> list[str]:
    """Say in one sentence each what a tokenizer with only these special tokens keeps us from doing."""
    lacking = [name for name in SENTINELS if name not in special]
    notices = (
        (FIM_TOKENS, "changes are learned left to right only"),
        (HEADING_TOKENS, "samples carry no repository name and no path"),
        (frozenset({END}), "the end of a text is not learned"),
    )
    return [
        f"the tokenizer has no {', '.join(name for name in lacking if name in needed)}: {effect}"
        for needed, effect in notices
        if needed & set(lacking)
    ]


@lru_cache(maxsize=4096)  # a history returns to the same paths, and counting two words costs as much as a page
def frame_of(repository_name: str, path: str, room: int, count: Count, special: frozenset[str]) -> Frame:
    """Return the frame; without a heading where it cannot be written or would fill half of the room."""
    name, line = speakable(repository_name), speakable(path) + "\n"
    end = (sentinel(END, Role.TARGET),) if END in special else ()
    if not special >= HEADING_TOKENS or (cost := 2 + sum(count([name, line]))) > room // 2:
        return Frame((), (), end, room - len(end))
    repository = (sentinel(REPOSITORY), *text(name, Role.SILENT), sentinel(FILE))
    return Frame(repository, text(line, Role.SILENT), end, room - cost - len(end))


def speakable(name: str) -> str:
    """Replace the bytes of a file name that are not UTF-8, which Python holds as lone surrogates."""
    return name.encode("utf-8", "replace").decode()


def chosen(rate: float, seed: int, *names: object) -> bool:
    """Draw with probability ``rate``: the same seed and names give the same answer on every machine, in every run."""
    digest = hashlib.sha256("\0".join(map(str, (seed, *names))).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < rate * 2**64


def surroundings(page: Page, hole: Span) -> Span | None:
    """Return what can be shown around a hole; None if it is too long, empty, or nothing stands around it."""
    whole = around(page, hole, page.budget - len(FIM_TOKENS))
    return whole if whole != hole and hole.start < hole.stop else None


def left_to_right(frame: Frame, page: Page, spans: Sequence[Span], kind: Kind) -> Iterator[Sample]:
    """Yield the samples in which the lines of ``spans`` are learned after what stands before them."""
    learned = {line for span in spans for line in range(*span)}
    for window in windows(page, [span for span in spans if span.start < span.stop]):
        end = frame.end if window.stop == len(page.lines) else ()
        yield Sample((*frame.repository, *frame.path, *by_role(page.lines, window, learned), *end), kind)


def by_role(lines: Sequence[str], window: Window, learned: Container[int]) -> Iterator[Piece]:
    """Yield the lines of a window, joined where they have the same role."""

    def role(line: int) -> Role:
        return Role.TARGET if line >= window.learn and line in learned else Role.CONTEXT

    for each, run in groupby(range(window.start, window.stop), key=role):
        yield Piece("".join(lines[line] for line in run), each)


def fill_in_the_middle(frame: Frame, page: Page, hole: Span, around_it: Span) -> Sample:
    """Return the sample in which a hunk is learned from what stands before and after it."""
    before = "".join(page.lines[around_it.start : hole.start])
    middle = "".join(page.lines[hole.start : hole.stop])
    after = "".join(page.lines[hole.stop : around_it.stop])
    prefix = (sentinel(PREFIX), *frame.path, *text(before, Role.CONTEXT))
    suffix = (sentinel(SUFFIX), *text(after, Role.CONTEXT))
    hunk = (sentinel(MIDDLE), *text(middle, Role.TARGET), *frame.end)
    return Sample((*frame.repository, *prefix, *suffix, *hunk), Kind.FIM)


def sentinel(name: str, role: Role = Role.SILENT) -> Piece:
    """Return a special token."""
    return Piece(name, role, special=True)


def text(content: str, role: Role) -> tuple[Piece, ...]:
    """Return a piece of ordinary text, or nothing if it is empty."""
    return (Piece(content, role),) if content else ()
