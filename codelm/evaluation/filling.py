"""What a model wrote into a hole: where it ends, and how near it comes to what a colleague wrote there.

The end is found by the same rule for every model, so that having learned to stop cannot pass for having learned to
write. What the real text closes, opens or outdents, a filling may too: else the real text itself would be cut.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from codelm.evaluation.completion import begins_statement
from codelm.evaluation.holes import Hole
from codelm.evaluation.identifiers import WORD, identifiers, without_comments
from codelm.evaluation.rust_lexer import ends, significant, step
from codelm.evaluation.syntax import faults, grammar, parse
from codelm.lines import lines_of

if TYPE_CHECKING:
    from tree_sitter import Language

FIRST_LINE = re.compile(r"\s*\S[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Filling:
    """What was written into a hole.

    Attributes:
        text: what was written, up to where it ends.
        finished: whether it came to an end; False where the limit of tokens cut it off.
    """

    text: str
    finished: bool


def cut_filling(hole: Hole, generated: str, stopped: bool, infill: bool) -> Filling:
    """Return the part of what was generated that fills the hole.

    A line ends with its line feed. A block in Rust ends before the bracket that closes the scope around the hole, and,
    where the model could not see what follows, behind as many items as the real text has. A block in Python ends before
    the line that is outdented out of it, and likewise behind as many statements. In other languages the model decides.

    Args:
        hole: the hole.
        generated: what the model wrote.
        stopped: whether it stopped by itself, and not because it had no tokens left.
        infill: whether it was shown what follows the hole.
    """
    end = filling_end(hole, generated, infill)
    return Filling(generated[:end], finished=stopped or end is not None)


def filling_end(hole: Hole, generated: str, infill: bool) -> int | None:
    """Return where the text ends that fills the hole; None if the rules see no end."""
    if hole.kind == "line":
        first = FIRST_LINE.match(generated)
        return first and first.end()
    rule = {"rust": rust_end, "python": python_end}.get(hole.language)
    return rule(hole.text, generated, infill) if rule else None


def rust_end(real: str, generated: str, infill: bool) -> int | None:
    r"""Return where a block of Rust ends that stands for ``real``: with its scope, or with its items unless ``infill``.

    >>> text = "a();\nb();\nc();\n}\n"
    >>> [text[: rust_end("x();\ny();\n", text, infill)] for infill in (True, False)]
    ['a();\nb();\nc();\n', 'a();\nb();\n']
    """
    opened = "{" * -min(accumulate(map(step, significant(real)), initial=0))  # what the real text closes, a filling may
    found = [(place - len(opened), level) for place, level in ends(opened + generated)]
    scope = next((line_start(generated, place) for place, level in found if level < 0), None)
    if infill:
        return scope
    wanted = count_items(opened + real)
    items = [place for place, level in takewhile(lambda end: end[1] >= 0, found) if level == 0]
    return line_end(generated, items[wanted - 1]) if len(items) >= wanted else scope


def count_items(text: str) -> int:
    """Return how many items or statements stand in ``text``, the last one perhaps unfinished.

    >>> count_items("a(); b {"), count_items("a(); b {}")
    (2, 2)
    """
    places = [place for place, level in ends(text) if level == 0]
    return len(places) + bool(significant(text[max(places, default=0) :]))


def line_start(text: str, place: int) -> int:
    """Return where the line of ``place`` begins, if nothing stands between; else ``place``."""
    start = text.rfind("\n", 0, place) + 1
    return place if text[start:place].strip() else start


def line_end(text: str, place: int) -> int:
    """Return where the comments behind ``place`` end: the text's end if no code follows, else its line's."""
    if not significant(text[place:]):
        return len(text)
    rest = re.match(r"[^\n]*\n?", text[place:])
    return place if rest is None or significant(rest[0]) else place + rest.end()


def python_end(real: str, generated: str, infill: bool) -> int | None:
    r"""Return where a block of Python ends that stands for ``real``: with its suite, or with its statements too.

    >>> text = "    a\n    b\n    c\nd\n"
    >>> [text[: python_end("    x\n    y\n", text, infill)] for infill in (True, False)]
    ['    a\n    b\n    c', '    a\n    b']
    """
    lines = spoken(real)
    outer = min((indentation(line) for line in lines if line.strip()), default=0)
    wanted = max(1, sum(begins_statement(line, outer) for line in lines))
    begun = place = 0
    for line, code in zip(lines_of(generated), spoken(generated), strict=True):
        begun += begins_statement(code, outer)
        outdented = bool(code.strip()) and indentation(code) < outer
        written = generated[:place].rstrip()
        if written and (outdented or (begun > wanted and not infill)):
            return len(written)
        place += len(line)
    return None


def spoken(text: str) -> list[str]:
    """Return the lines of Python without their comments."""
    return lines_of(without_comments("python", text))


def indentation(line: str) -> int:
    """Return how many characters of white space a line begins with."""
    return len(line) - len(line.lstrip())


@dataclass(frozen=True, slots=True)
class Verdict:
    """How near a filling comes to the real text.

    Attributes:
        exact: whether it is the same but for comments, blank lines and the amount of white space.
        similarity: edit similarity, 0 to 100: rapidfuzz's ``ratio``, which counts a replaced character as one taken out
            and one put in; two lines of one repository taken at random have about 29.
        identifiers: F1 of the sets of names, 0 to 1; 1 where neither has any.
        valid: whether the file has no more faults of syntax than with the real text; None without a grammar.
        empty: whether nothing was written.
        runaway: whether the limit of tokens cut it off.
        own_names: of the names that the prompt did not show, how many are the repository's own, and how many there are.
        rustc: whether rustc's own parser takes the file; None where it was not asked.
    """

    exact: bool
    similarity: float
    identifiers: float
    valid: bool | None
    empty: bool
    runaway: bool
    own_names: tuple[int, int]
    rustc: bool | None = None


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
        "rustc": share(verdict.rustc for verdict in verdicts),
        "empty": share(verdict.empty for verdict in verdicts),
        "runaway": share(verdict.runaway for verdict in verdicts),
        "own_names": own / new if new else None,
    }


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
