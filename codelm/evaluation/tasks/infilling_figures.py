"""The figures of holes that were asked about, and the rows that show them one by one."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from codelm.evaluation.tasks.infilling import Asked
from codelm.lines import lines_of
from codelm.metrics.intervals import mean_difference
from codelm.metrics.scores import Verdict, chance, summary, versus

SHOWN = 3
"""Holes in the report at either end, at most: those where something was gained, or lost."""
SEEN = 1
"""Points of similarity that are a gain or a loss to somebody who reads whole numbers."""
NEAR = 6
"""Lines before and after a hole that the report shows."""


def hole_figures(asked: Sequence[Asked]) -> dict[str, Any]:
    """Return the figures of the holes, by mode, and those at either end."""
    modes = dict.fromkeys(mode for each in asked for mode, _ in each.answers)
    ranked = sorted(asked, key=gain)
    best = [each for each in reversed(ranked) if gain(each) >= SEEN][:SHOWN]
    worst = [each for each in ranked if gain(each) <= -SEEN][:SHOWN]
    counts = {"tasks": len(asked), "commits": len({each.hole.commit for each in asked})}
    ends = {"best": [row(each) for each in best], "worst": [row(each) for each in worst]}
    known = {"similarity_by_chance": chance([each.hole.text for each in asked])}
    return counts | known | {mode: mode_figures(asked, mode) for mode in modes} | ends


def mode_figures(asked: Sequence[Asked], mode: str) -> dict[str, Any]:
    """Return the figures of one way of asking: a summary for each column, and the tuned model against the base."""
    columns = {column: verdicts(asked, mode, column) for column in ("base", "retrieval", "tuned", "real")}
    base, tuned = columns["base"], columns["tuned"]
    commits = [each.hole.commit for each in asked]
    return {column: summary(found) for column, found in columns.items() if found} | {
        "exact_match": versus(base, tuned),
        "exact_difference": difference([each.exact for each in base], [each.exact for each in tuned], commits),
        "similarity_difference": difference(
            [each.similarity for each in base], [each.similarity for each in tuned], commits
        ),
    }


def difference(base: Sequence[float], tuned: Sequence[float], commits: Sequence[str]) -> dict[str, Any]:
    """Return by how much the tuned model's scores of holes lie above the base's, with the interval by commits."""
    return asdict(mean_difference(base, tuned, commits))


def verdicts(asked: Sequence[Asked], mode: str, column: str) -> list[Verdict]:
    """Return the verdicts of one column, hole by hole; nothing for a column that was not asked."""
    found = (each.answers.get((mode, column)) for each in asked)
    return [answer.verdict for answer in found if answer is not None]


def gain(asked: Asked) -> float:
    """Return by how much the tuned model's answer is more like the real text than the base's."""
    mode = main_mode(asked)
    return asked.answers[mode, "tuned"].verdict.similarity - asked.answers[mode, "base"].verdict.similarity


def main_mode(asked: Asked) -> str:
    """Return the way of asking that stands for a hole: with what stands behind it, where that can be asked."""
    return next(iter(asked.answers))[0]


def row(asked: Asked) -> dict[str, Any]:
    """Return a hole with its answers, as the report shows it."""
    hole, mode = asked.hole, main_mode(asked)
    answers = {column: asked.answers[mode, column] for column in ("base", "tuned")}
    return {
        "commit": hole.commit,
        "path": hole.path,
        "line": hole.start + 1,
        "mode": mode,
        "before": "".join(lines_of(hole.before)[-NEAR:]),
        "after": "".join(lines_of(hole.after)[:NEAR]),
        "real": hole.text,
        **{column: answer.filling.text for column, answer in answers.items()},
        **{f"similarity_{column}": answer.verdict.similarity for column, answer in answers.items()},
    }


def record(asked: Asked) -> dict[str, Any]:
    """Return all that is known of a hole, a row of ``holes.jsonl``."""
    hole = asked.hole
    place = {"commit": hole.commit, "path": hole.path, "line": hole.start + 1, "kind": hole.kind, "real": hole.text}
    answers = [
        {"mode": mode, "column": column, "text": answer.filling.text, "finished": answer.filling.finished}
        | asdict(answer.verdict)
        for (mode, column), answer in asked.answers.items()
    ]
    return place | {"answers": answers}
