"""Scores of an infill against the text that the commit added."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from codelm.metrics.completion import indentation
from codelm.metrics.infill import Infill
from codelm.metrics.infill_tasks import InfillTask
from codelm.metrics.syntax.identifiers import WORD, identifiers, without_comments
from codelm.metrics.syntax.trees import faults_of

__all__ = ["Score", "chance_similarity", "score", "similarity", "summarize", "wins_and_losses"]


@dataclass(frozen=True, slots=True)
class Score:
    """Scores of one infill against the real text.

    Attributes:
        exact: whether both are equal but for comments, blank lines and the amount of white space.
        similarity: their `similarity`; `chance_similarity` is that of unrelated texts.
        identifiers: F1 of the sets of names, 0 to 1; 1 where neither has any.
        valid: whether the file has no syntax fault that it has not with the real text; None where that is not known.
        empty: whether nothing was written.
        runaway: whether the limit of tokens cut the text off.
        own_names: of the names that the prompt did not show, how many are the repository's own, and how many there are.
    """

    exact: bool
    similarity: float
    identifiers: float
    valid: bool | None
    empty: bool
    runaway: bool
    own_names: tuple[int, int]


def score(task: InfillTask, infill: Infill, prompt_text: str, own_names: frozenset[str]) -> Score:
    """Return the scores of an infill against what the commit wrote.

    Args:
        task: the task.
        infill: what the model wrote.
        prompt_text: all text of the prompt; names in its comments count as shown, too.
        own_names: the names that only the repository uses.
    """
    names, real = (frozenset(identifiers(task.language, text)) for text in (infill.text, task.text))
    new = names.difference(WORD.findall(prompt_text))
    return Score(
        exact=_normalized_lines(task.language, infill.text) == _normalized_lines(task.language, task.text),
        similarity=similarity(infill.text, task.text),
        identifiers=2 * len(names & real) / (len(names) + len(real)) if names or real else 1.0,
        valid=_is_valid(task, infill.text),
        empty=not infill.text.strip(),
        runaway=not infill.finished,
        own_names=(len(new & own_names), len(new)),
    )


def similarity(text: str, real: str) -> float:
    """Return the edit similarity of two texts, 0 to 100, but for the white space around them.

    It is rapidfuzz's ``ratio``, which counts a replaced character as one deleted and one inserted.
    """
    return fuzz.ratio(text.strip(), real.strip())


def _normalized_lines(language: str, text: str) -> list[str]:
    """Return the lines of code with single spaces; indentation is kept unless the language is Rust."""
    lines = [line.rstrip() for line in without_comments(language, text).split("\n") if line.strip()]
    margins = ["" if language == "rust" else line[: indentation(line)] for line in lines]
    return [margin + " ".join(line.split()) for margin, line in zip(margins, lines, strict=True)]


def _is_valid(task: InfillTask, text: str) -> bool | None:
    """Return whether the file has no fault with ``text`` that it does not have with the real text; None if unknown.

    So a file that the grammar misreads elsewhere does not count against the model, nor does a missing last line feed.
    Where it misreads the real text itself it cannot judge another one.
    """
    ended = text if text.endswith("\n") else text + "\n"
    found, real = faults_of(task.language, task.before + ended + task.after), task.faults
    start, size, ended_size = (len(part.encode(errors="replace")) for part in (task.before, task.text, ended))
    if found is None or real is None or any(first <= start + size and last >= start for first, last in real):
        return None
    behind = {(first + ended_size - size, last + ended_size - size) for first, last in real if first > start}
    return behind.union(span for span in real if span[1] < start).issuperset(found)


def summarize(scores: Sequence[Score]) -> dict[str, float | int | None]:
    """Return the means over tasks: shares from 0 to 1, ``similarity`` from 0 to 100; None where nothing was measured.

    ``own_names`` is the share of the repository's own names in all names that no prompt showed.
    """
    own, new = (sum(each.own_names[index] for each in scores) for index in (0, 1))
    measures = ("exact", "similarity", "identifiers", "valid", "empty", "runaway")
    means = {name: _mean_of_known(getattr(each, name) for each in scores) for name in measures}
    return {"tasks": len(scores), **means, "own_names": own / new if new else None}


def _mean_of_known(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are not None; None if there are none."""
    measured = [value for value in values if value is not None]
    return sum(measured) / len(measured) if measured else None


def chance_similarity(texts: Sequence[str]) -> float | None:
    """Return the mean similarity of one task's real text to another's; None for fewer than two texts.

    An answer to an unrelated task has as much: similarity above it means something.
    """
    if len(texts) < 2:
        return None
    stripped = [text.strip() for text in texts]
    pairs = process.cdist(stripped, stripped, scorer=fuzz.ratio)
    return float((pairs.sum() - pairs.trace()) / (len(texts) * (len(texts) - 1)))


def wins_and_losses(base: Sequence[Score], tuned: Sequence[Score]) -> dict[str, int]:
    """Return the number of tasks that only the tuned model filled exactly, only the base, and both or neither.

    There is no significance test: it would take the tasks of one commit for independent, which they are not.
    """
    won = sum(after.exact and not before.exact for before, after in zip(base, tuned, strict=True))
    lost = sum(before.exact and not after.exact for before, after in zip(base, tuned, strict=True))
    return {"won": won, "lost": lost, "same": len(base) - won - lost}
