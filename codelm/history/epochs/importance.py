"""The weight of a sample: the product of rules, each of which may be left out.

**One file rule per sample.** The first pattern that matches a file's path gives its factor, to that file's samples
alone; nothing is multiplied over the files of a commit, whose weight in all is bounded by `commit_cap`.
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.history.filters.paths import path_matcher

__all__ = [
    "DAY",
    "Importance",
    "author_digests",
    "author_factor",
    "author_of",
    "commit_cap",
    "directory_of",
    "file_factors",
    "file_rules_of",
    "message_rules_of",
    "sample_weight",
]

DAY = 86_400
"""Seconds."""


@dataclass(frozen=True)  # no slots: the command line reads the defaults of its settings with vars()
class Importance:
    """How much samples count; without rules, each counts 1.

    Attributes:
        file_rules: Factor of a file by gitignore pattern: the first that matches its path counts, the others do not.
        message_rules: Factor of a commit by words of its message, as alternatives: "impl|trait". Whole words, in upper
            or lower case; each rule counts once however many of its words there are, and several rules multiply.
        half_life_days: A commit this much older than the newest one counts half; null for no ageing.
        directories: Factor of a file by its folder, such as "crates/core"; the deepest folder named counts.
        authors: Factor of a commit by its author's name or address.
        whole_files: Factor of the samples that are whole files, beside 1 for changes: the mix of the two. 0 draws none.
        max_commit_tokens: What one commit may weigh in all, counted in tokens; samples of a larger one count less.
            Null for no bound.
    """

    file_rules: dict[str, float] = field(default_factory=dict)
    message_rules: dict[str, float] = field(default_factory=dict)
    half_life_days: float | None = None
    directories: dict[str, float] = field(default_factory=dict)
    authors: dict[str, float] = field(default_factory=dict)
    whole_files: float = 1.0
    max_commit_tokens: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.whole_files < math.inf:
            raise InputError(f"data.importance.whole_files is {self.whole_files}: give a number from 0 up")
        if self.half_life_days is not None and not 0 < self.half_life_days < math.inf:
            raise InputError(
                f"data.importance.half_life_days is {self.half_life_days}: give a number above 0, or null for no ageing"
            )
        if self.max_commit_tokens is not None and self.max_commit_tokens < 1:
            raise InputError(
                f"data.importance.max_commit_tokens is {self.max_commit_tokens}: give 1 or more, or null for no bound"
            )
        for name in ("file_rules", "message_rules", "directories", "authors"):
            _refuse_impossible_factors(getattr(self, name), name)
        for words in self.message_rules:
            _whole_words(words)


def _refuse_impossible_factors(rules: Mapping[str, float], name: str) -> None:
    for pattern, factor in rules.items():
        if not 0 <= factor < math.inf:
            raise InputError(f"data.importance.{name}: {pattern!r} has the factor {factor}; give a number from 0 up")


def file_rules_of(paths: Iterable[str], importance: Importance) -> dict[str, str | None]:
    """Return the first of the file rules that matches each path; None where none does.

    Raises:
        InputError: A rule is no gitignore pattern.
    """
    rules = list(reversed(importance.file_rules))  # of patterns, the last that matches counts
    if not rules:
        return dict.fromkeys(paths)
    with path_matcher({"data.importance.file_rules": rules}) as match:
        matches = {path: match(path)[0][0] for path in paths}
    return {path: pattern if included else None for path, (included, pattern) in matches.items()}


def file_factors(paths: Iterable[str], importance: Importance) -> dict[str, float]:
    """Return the factor of each path by the file rules; see `file_rules_of`."""
    found = file_rules_of(paths, importance)
    return {path: 1.0 if rule is None else importance.file_rules[rule] for path, rule in found.items()}


def sample_weight(
    path: str, file_factor: float, message: str, author: float, time: int, now: int, importance: Importance
) -> float:
    """Return the weight of a sample.

    Args:
        path: The path of its file, from the root of the repository.
        file_factor: What `file_factors` gives it.
        message: The message of its commit.
        author: What `author_factor` gives its commit.
        time: When the commit was written, in seconds since 1970.
        now: The time of the newest commit to learn from; a later ``time`` counts as this.
        importance: The rules.
    """
    return (
        file_factor
        * _directory_factor(path, importance)
        * _message_factor(message, importance)
        * author
        * _recency(now - time, importance.half_life_days)
    )


def _recency(age: float, half_life_days: float | None) -> float:
    """Return the factor of a commit that is ``age`` seconds older than the newest; 1 if the age is negative."""
    if half_life_days is None:
        return 1.0
    return float(0.5 ** (max(0.0, age) / DAY / half_life_days))


def commit_cap(tokens_per_commit: NDArray[np.int64], max_commit_tokens: int | None) -> NDArray[np.float64]:
    """Return the factor that limits each commit to a number of tokens in all, ``[commits]``: min(1, limit / tokens).

    A few mass edits would otherwise fill an epoch: in the histories measured, 10 to 19 % of the commits held 70 % of
    the bytes.
    """
    if max_commit_tokens is None:
        return np.ones(len(tokens_per_commit))
    return np.minimum(1.0, max_commit_tokens / np.maximum(1, tokens_per_commit))


def directory_of(path: str, importance: Importance) -> str | None:
    """Return the deepest folder with a factor that a path lies in; None where there is none."""
    inside = [folder for folder in importance.directories if path.startswith(folder.rstrip("/") + "/")]
    return max(inside, key=lambda folder: (len(folder), importance.directories[folder]), default=None)


def _directory_factor(path: str, importance: Importance) -> float:
    folder = directory_of(path, importance)
    return 1.0 if folder is None else importance.directories[folder]


def message_rules_of(message: str, importance: Importance) -> list[str]:
    """Return the rules of which a message has a word."""
    return [words for words in importance.message_rules if _whole_words(words).search(message)]


def _message_factor(message: str, importance: Importance) -> float:
    return math.prod(importance.message_rules[words] for words in message_rules_of(message, importance))


@lru_cache
def _whole_words(words: str) -> re.Pattern[str]:
    try:
        found = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    except re.error as error:
        raise InputError(
            f"data.importance.message_rules: {words!r} cannot be read ({error}); write words as 'impl|trait'"
        ) from error
    if found.search(""):
        raise InputError(
            f"data.importance.message_rules: {words!r} holds an empty word, which every message has; write words as"
            " 'impl|trait'"
        )
    return found


def author_digests(sha: str, name: str, address: str) -> list[str]:
    """Return what a store keeps of the author of a commit: by it rules apply, and nobody is named.

    The id of the commit is part of the digests, so that the commits of an author have nothing in common.
    """
    return [_author_digest(sha, each) for each in (name, address, f"{name} <{address}>")]


def _author_digest(sha: str, author: str) -> str:
    return blake2b(f"{sha}\0{author.casefold()}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def author_of(sha: str, digests: Collection[str], importance: Importance) -> str | None:
    """Return which author with a factor a commit has, by the `author_digests` of it; None where it has none."""
    return next((listed for listed in importance.authors if _author_digest(sha, listed) in digests), None)


def author_factor(sha: str, digests: Collection[str], importance: Importance) -> float:
    """Return the factor of the author of a commit, by the `author_digests` of it."""
    author = author_of(sha, digests, importance)
    return 1.0 if author is None else importance.authors[author]
