"""Infill tasks from held-out commits: the lines that a commit added, cut out of the file as the commit left it.

Spans that tell nothing about a model are left out: comments, imports and attributes alone, lines that the training
snapshot already holds, a few bytes, and more lines than a model can be expected to write at once.
"""

import random
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice, product

from codelm.lines import lines_of
from codelm.metrics.syntax.code_lines import code_lines
from codelm.metrics.syntax.trees import faults_of

__all__ = [
    "MAX_LINES",
    "TOKEN_CHARACTERS",
    "InfillTask",
    "choose_tasks",
    "count_fitting",
    "cut_tasks",
    "line_tokens",
    "new_code",
    "visible_context",
]

TOKEN_CHARACTERS = 16
"""Characters of a token at most; a few have more, all of one kind, which nobody misses in so long a line."""
MAX_LINES = 60
"""Lines of a span; more are no completion but a program."""
_MIN_BYTES = 12
"""Bytes of a span; fewer are a bracket or a word."""


@dataclass(frozen=True)  # no slots: a cached property needs a __dict__
class InfillTask:
    """Lines that a commit added, and the file around them: ``before + text + after`` is the file after the commit.

    Attributes:
        commit: the commit's hash.
        path: the file's path in the repository.
        language: the name of its language.
        start: the first line of the span in the file, from 0.
        before: the file up to the span.
        text: the lines that were added, without the blank ones at either end.
        after: the file after the span.
    """

    commit: str
    path: str
    language: str
    start: int
    before: str
    text: str
    after: str

    @property
    def lines(self) -> int:
        """Number of lines that were added."""
        return len(lines_of(self.text))

    @property
    def kind(self) -> str:
        """Kind of the span: "line" or "block"."""
        return "line" if self.lines == 1 else "block"

    @property
    def size(self) -> str:
        """Size class of the span: "1", "2-5" or "6+" lines."""
        return "1" if self.lines == 1 else "2-5" if self.lines <= 5 else "6+"

    @cached_property
    def faults(self) -> list[tuple[int, int]] | None:
        """Syntax faults of the real file, sought once for all answers to the task; None without a grammar."""
        return faults_of(self.language, self.before + self.text + self.after)


def cut_tasks(
    commit: str, path: str, language: str, text: str, spans: Iterable[tuple[int, int]], known: Container[str]
) -> Iterator[InfillTask]:
    """Yield the infill tasks in one file of one commit.

    Args:
        commit: the commit's hash.
        path: the file's path in the repository.
        language: the name of its language.
        text: the file as the commit left it.
        spans: what the commit added, ``[start, stop)`` in lines of ``text``; an empty one is a pure deletion.
        known: the stripped lines that the training snapshot holds.
    """
    lines, code = lines_of(text), code_lines(language, text)
    for span in spans:
        start, stop = _trim_blank_lines(lines, *span)
        if _is_suitable(lines[start:stop], code[start:stop], known):
            parts = ("".join(part) for part in (lines[:start], lines[start:stop], lines[stop:]))
            yield InfillTask(commit, path, language, start, *parts)


def _trim_blank_lines(lines: Sequence[str], start: int, stop: int) -> tuple[int, int]:
    """Return the span without blank lines at its ends: which of two blank lines was added is git's arbitrary choice."""
    filled = [index for index in range(start, stop) if lines[index].strip()]
    return (filled[0], filled[-1] + 1) if filled else (start, start)


def _is_suitable(added: Sequence[str], code: Sequence[str], known: Container[str]) -> bool:
    """Return whether a span is neither too small nor too long and holds a line of code that is not known."""
    fits = len(added) <= MAX_LINES and len("".join(added).encode(errors="replace")) >= _MIN_BYTES
    return fits and bool(new_code(added, code, known))


def new_code(lines: Sequence[str], code: Sequence[str], known: Container[str]) -> list[int]:
    """Return the numbers of the lines that hold code and are not known.

    Args:
        lines: the lines.
        code: the code in each of them.
        known: the stripped lines that the training snapshot holds.
    """
    pairs = enumerate(zip(lines, code, strict=True))
    return [number for number, (line, its_code) in pairs if its_code.strip() and line.strip() not in known]


def choose_tasks(tasks: Sequence[InfillTask], limit: int, *, per_commit: int = 4, seed: int = 0) -> list[InfillTask]:
    """Return at most ``limit`` tasks in their order, spread over many commits and all sizes.

    Commits take turns in a random order; each gives a task of the size that is rarest so far. The same arguments give
    the same choice.

    Args:
        tasks: the tasks to choose from, in the order of the history.
        limit: the number of tasks wanted.
        per_commit: the most tasks taken of one commit.
        seed: the seed of the random order.
    """
    chosen = list(islice(_draw_by_turns(tasks, per_commit, random.Random(seed)), limit))
    return [tasks[index] for index in sorted(chosen)]


def _draw_by_turns(tasks: Sequence[InfillTask], rounds: int, rng: random.Random) -> Iterator[int]:
    """Yield indices of tasks, one of each commit in each round."""
    waiting: dict[str, list[int]] = {}
    for index in rng.sample(range(len(tasks)), len(tasks)):
        waiting.setdefault(tasks[index].commit, []).append(index)
    sizes: Counter[str] = Counter()
    for _, indices in product(range(rounds), list(waiting.values())):
        if indices:
            index = min(indices, key=lambda index: sizes[tasks[index].size])
            indices.remove(index)
            sizes[tasks[index].size] += 1
            yield index


def visible_context(
    before: str, after: str, count_tokens: Callable[[Sequence[str]], list[int]], max_tokens: int
) -> tuple[str, str]:
    """Return the whole lines before and after a place that are nearest to it and fit into ``max_tokens``.

    Where both sides are long, two thirds are for the text before; what one side does not need, the other gets. Tokens
    are counted of lines, each of which has at least one.
    """
    # So more lines than tokens need not be counted.
    lines_before = lines_of(before)[::-1][: max(0, max_tokens)]
    lines_after = lines_of(after)[: max(0, max_tokens)]
    tokens_before, tokens_after = (line_tokens(each, count_tokens, max_tokens) for each in (lines_before, lines_after))
    kept = count_fitting(tokens_before, max(max_tokens * 2 // 3, max_tokens - sum(tokens_after)))
    kept_after = count_fitting(tokens_after, max_tokens - sum(tokens_before[:kept]))
    return "".join(reversed(lines_before[:kept])), "".join(lines_after[:kept_after])


def line_tokens(lines: Sequence[str], count_tokens: Callable[[Sequence[str]], list[int]], max_tokens: int) -> list[int]:
    """Return the number of tokens of each line; of one that has far more than ``max_tokens`` it is one more than those.

    Such a line is not tokenised: for millions of characters in one line that takes gigabytes.
    """
    longest = TOKEN_CHARACTERS * max(1, max_tokens)
    counted = iter(count_tokens([line for line in lines if len(line) <= longest]))
    return [next(counted) if len(line) <= longest else max_tokens + 1 for line in lines]


def count_fitting(token_counts: Sequence[int], max_tokens: int) -> int:
    """Return how many of the first items fit into ``max_tokens`` together."""
    return sum(total <= max_tokens for total in accumulate(token_counts))
