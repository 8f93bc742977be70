"""How near what a model wrote into a hole comes to what a colleague wrote there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process

from codelm.metrics.filling import Filling, indentation
from codelm.metrics.infill_tasks import Hole
from codelm.metrics.syntax.identifiers import WORD, identifiers, without_comments
from codelm.metrics.syntax.trees import faults, grammar, parse

if TYPE_CHECKING:
    from tree_sitter import Language


@dataclass(frozen=True, slots=True)
class Verdict:
    """How near a filling comes to the real text.

    Attributes:
        exact: whether it is the same but for comments, blank lines and the amount of white space.
        similarity: edit similarity, 0 to 100: rapidfuzz's ``ratio``, which counts a replaced character as one taken out
            and one put in; `chance` says where it begins.
        identifiers: F1 of the sets of names, 0 to 1; 1 where neither has any.
        valid: whether the file has no more faults of syntax than with the real text; None without a grammar.
        empty: whether nothing was written.
        runaway: whether the limit of tokens cut it off.
        own_names: of the names that the prompt did not show, how many are the repository's own, and how many there are.
    """

    exact: bool
    similarity: float
    identifiers: float
    valid: bool | None
    empty: bool
    runaway: bool
    own_names: tuple[int, int]


def judge(hole: Hole, filling: Filling, shown: str, own: frozenset[str]) -> Verdict:
    """Return how near a filling comes to what the commit wrote.

    Args:
        hole: the hole.
        filling: what the model wrote.
        shown: all the text the model was given; a name in its comments was shown, too.
        own: the names that are the repository's own.
    """
    names, real = (frozenset(identifiers(hole.language, text)) for text in (filling.text, hole.text))
    new = names.difference(WORD.findall(shown))
    return Verdict(
        exact=essence(hole.language, filling.text) == essence(hole.language, hole.text),
        similarity=fuzz.ratio(filling.text.strip(), hole.text.strip()),
        identifiers=2 * len(names & real) / (len(names) + len(real)) if names or real else 1.0,
        valid=is_valid(hole, filling.text),
        empty=not filling.text.strip(),
        runaway=not filling.finished,
        own_names=(len(new & own), len(new)),
    )


def essence(language: str, text: str) -> list[str]:
    """Return the lines of code with white space made one; only in Rust does indentation say nothing."""
    lines = [line.rstrip() for line in without_comments(language, text).split("\n") if line.strip()]
    margins = ["" if language == "rust" else line[: indentation(line)] for line in lines]
    return [margin + " ".join(line.split()) for margin, line in zip(margins, lines, strict=True)]


def is_valid(hole: Hole, text: str) -> bool | None:
    """Return whether the file has no more ERROR and MISSING nodes with ``text`` than with the real one.

    A file that the grammar itself misreads is then not held against the model.
    """
    parser = grammar(hole.language)
    if parser is None:
        return None
    return faults(parse(parser, in_place(hole, text))) <= real_faults(parser, hole)


def in_place(hole: Hole, text: str) -> str:
    """Return the file with ``text`` in its hole; whether the line's end is part of a filling tells nothing."""
    return hole.before + (text if text.endswith("\n") else text + "\n") + hole.after


@lru_cache(maxsize=256)
def real_faults(parser: "Language", hole: Hole) -> int:
    """Return the faults that the grammar finds in the real file; remembered, because each model is held to them."""
    return faults(parse(parser, hole.before + hole.text + hole.after))


def summary(verdicts: Sequence[Verdict]) -> dict[str, float | int | None]:
    """Return the means over holes: shares from 0 to 1, ``similarity`` from 0 to 100; None where nothing was measured.

    ``own_names`` is the share of the repository's own names in all that no prompt showed.
    """
    own, new = (sum(verdict.own_names[place] for verdict in verdicts) for place in (0, 1))
    return {
        "tasks": len(verdicts),
        "exact": share(verdict.exact for verdict in verdicts),
        "similarity": share(verdict.similarity for verdict in verdicts),
        "identifiers": share(verdict.identifiers for verdict in verdicts),
        "valid": share(verdict.valid for verdict in verdicts),
        "empty": share(verdict.empty for verdict in verdicts),
        "runaway": share(verdict.runaway for verdict in verdicts),
        "own_names": own / new if new else None,
    }


def chance(texts: Sequence[str]) -> float | None:
    """Return the similarity that the real text of one hole has, in the mean, to that of another; None for one alone.

    It is where similarity begins: an answer to another question has as much.

    >>> chance(["ab", "cb"]), chance(["ab"])
    (50.0, None)
    """
    if len(texts) < 2:
        return None
    stripped = [text.strip() for text in texts]
    pairs = process.cdist(stripped, stripped, scorer=fuzz.ratio)
    return float((pairs.sum() - pairs.trace()) / (len(texts) * (len(texts) - 1)))


def share(values: Iterable[float | None]) -> float | None:
    """Return the mean of what was measured; None if nothing was."""
    measured = [value for value in values if value is not None]
    return sum(measured) / len(measured) if measured else None


def versus(base: Sequence[Verdict], tuned: Sequence[Verdict]) -> dict[str, int]:
    """Return how many of the holes only the tuned model filled exactly, how many only the base, how many both or none.

    No test is made of them: it would take the holes of one commit for independent, which they are not.
    """
    won = sum(after.exact and not before.exact for before, after in zip(base, tuned, strict=True))
    lost = sum(before.exact and not after.exact for before, after in zip(base, tuned, strict=True))
    return {"won": won, "lost": lost, "same": len(base) - won - lost}
