"""Infills: what a model wrote for an infill task, cut where the missing text ends.

The end is found by the same rules for every model: otherwise a model that only learned when to stop would look like one
that writes better code. An infill may close, open or outdent as much as the real text does; else the rules would cut
the real text itself.
"""

import re
from dataclasses import dataclass
from itertools import accumulate, takewhile

from codelm.lines import lines_of
from codelm.metrics.completion import begins_statement, indentation
from codelm.metrics.infill_tasks import InfillTask
from codelm.metrics.syntax.identifiers import without_comments
from codelm.metrics.syntax.rust_items import ends
from codelm.metrics.syntax.rust_lexer import depth_change, significant

__all__ = ["Infill", "cut_infill", "is_complete"]

_FIRST_LINE = re.compile(r"\s*\S[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Infill:
    """What was written for an infill task.

    Attributes:
        text: the text, cut where it ends.
        finished: whether an end was reached; False where the limit of tokens cut the text off.
    """

    text: str
    finished: bool


def cut_infill(task: InfillTask, generated: str, stopped: bool, sees_after: bool) -> Infill:
    """Return the part of the generated text that fills the gap of a task.

    A line ends with its line feed. A block in Rust ends before the bracket that closes the scope around the gap, and,
    where the model could not see what follows, after as many items as the real text has. A block in Python ends before
    the line that is outdented out of it, and likewise after as many statements. In other languages nothing is cut.

    Args:
        task: the task.
        generated: what the model wrote.
        stopped: whether the model ended the text itself, before the limit of tokens.
        sees_after: whether the prompt held the text after the gap.
    """
    end = _infill_end(task, generated, sees_after)
    return Infill(generated[:end], finished=stopped or end is not None)


def is_complete(task: InfillTask, generated: str, sees_after: bool) -> bool:
    """Return whether `cut_infill` cuts a text where it would cut any that goes on from it.

    Behind the end of a block there is then a line of code: comments belong to the item before them.
    """
    end = _infill_end(task, generated, sees_after)
    return end is not None and (task.kind == "line" or bool(_FIRST_LINE.match(generated, end)))


def _infill_end(task: InfillTask, generated: str, sees_after: bool) -> int | None:
    """Return the offset at which the infill ends; None if the rules find no end."""
    if task.kind == "line":
        first = _FIRST_LINE.match(generated)
        return first and first.end()
    rule = {"rust": _rust_end, "python": _python_end}.get(task.language)
    return rule(task.text, generated, sees_after) if rule else None


def _rust_end(real: str, generated: str, sees_after: bool) -> int | None:
    """Return where a Rust block in place of ``real`` ends: with its scope, or with its items unless ``sees_after``."""
    # As many brackets as the real text closes beyond those it opens: the infill may close them, too.
    opened = "{" * -min(accumulate(map(depth_change, significant(real)), initial=0))
    found = [(offset - len(opened), depth) for offset, depth in ends(opened + generated)]
    scope = next((_line_start(generated, offset) for offset, depth in found if depth < 0), None)
    if sees_after:
        return scope
    wanted = _count_items(opened + real)
    items = [offset for offset, depth in takewhile(lambda end: end[1] >= 0, found) if depth == 0]
    return _comments_end(generated, items[wanted - 1]) if len(items) >= wanted else scope


def _count_items(text: str) -> int:
    """Return the number of Rust items or statements in ``text``, an unfinished last one included."""
    offsets = [offset for offset, depth in ends(text) if depth == 0]
    return len(offsets) + bool(significant(text[max(offsets, default=0) :]))


def _line_start(text: str, offset: int) -> int:
    """Return the start of the line if only white space stands between it and ``offset``; else ``offset``."""
    start = text.rfind("\n", 0, offset) + 1
    return offset if text[start:offset].strip() else start


def _comments_end(text: str, offset: int) -> int:
    """Return the end of the comments after ``offset``: the end of the text if no code follows, else of the line."""
    if not significant(text[offset:]):
        return len(text)
    rest = re.match(r"[^\n]*\n?", text[offset:])
    return offset if rest is None or significant(rest[0]) else offset + rest.end()


def _python_end(real: str, generated: str, sees_after: bool) -> int | None:
    """Return where a Python block in place of ``real`` ends: with its suite, or with its statements, too."""
    lines = _without_python_comments(real)
    outer = min((indentation(line) for line in lines if line.strip()), default=0)
    wanted = max(1, sum(begins_statement(line, outer) for line in lines))
    begun = offset = 0
    for line, code in zip(lines_of(generated), _without_python_comments(generated), strict=True):
        begun += begins_statement(code, outer)
        outdented = bool(code.strip()) and indentation(code) < outer
        written = generated[:offset].rstrip()
        if written and (outdented or (begun > wanted and not sees_after)):
            return len(written)
        offset += len(line)
    return None


def _without_python_comments(text: str) -> list[str]:
    """Return the lines of Python without their comments."""
    return lines_of(without_comments("python", text))
