"""What a model wrote into a hole, and where it ends.

The end is found by the same rule for every model, so that having learned to stop cannot pass for having learned to
write. What the real text closes, opens or outdents, a filling may too: else the real text itself would be cut.
"""

import re
from dataclasses import dataclass
from itertools import accumulate, takewhile

from codelm.lines import lines_of
from codelm.metrics.completion import begins_statement
from codelm.metrics.infill_tasks import Hole
from codelm.metrics.syntax.identifiers import without_comments
from codelm.metrics.syntax.rust_items import ends
from codelm.metrics.syntax.rust_lexer import significant, step

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
