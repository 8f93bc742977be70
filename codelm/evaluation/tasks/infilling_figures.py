"""The figures of answered infill tasks, and the rows that show them one by one."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from codelm.evaluation.tasks.infilling import AnsweredTask
from codelm.lines import lines_of
from codelm.metrics.infill_scores import Score, chance_similarity, summarize, wins_and_losses
from codelm.metrics.intervals import mean_difference

__all__ = ["gain", "infill_figures", "record", "report_row"]

_SHOWN = 3
"""Tasks at most that the report shows of those with the largest gain, and of those with the largest loss."""
_SMALLEST_GAIN = 1
"""Points of similarity, 0 to 100, from which a gain or a loss is shown; the report rounds them to whole numbers."""
_NEAR = 6
"""Lines before and after a span that the report shows."""


def infill_figures(answered: Sequence[AnsweredTask]) -> dict[str, Any]:
    """Return the figures of all tasks, by mode, and rows of those with the largest gains and losses."""
    modes = dict.fromkeys(mode for each in answered for mode, _ in each.answers)
    ranked = sorted(answered, key=gain)
    best = [each for each in reversed(ranked) if gain(each) >= _SMALLEST_GAIN][:_SHOWN]
    worst = [each for each in ranked if gain(each) <= -_SMALLEST_GAIN][:_SHOWN]
    return {
        "tasks": len(answered),
        "commits": len({each.task.commit for each in answered}),
        "similarity_by_chance": chance_similarity([each.task.text for each in answered]),
        **{mode: _mode_figures(answered, mode) for mode in modes},
        "best": [report_row(each) for each in best],
        "worst": [report_row(each) for each in worst],
    }


def _mode_figures(answered: Sequence[AnsweredTask], mode: str) -> dict[str, Any]:
    """Return the figures of one mode: a summary of each system, and the tuned model compared with the base."""
    scores = {system: _scores_of(answered, mode, system) for system in ("base", "retrieval", "tuned", "real")}
    base, tuned = scores["base"], scores["tuned"]
    commits = [each.task.commit for each in answered]
    return {system: summarize(found) for system, found in scores.items() if found} | {
        "exact_match": wins_and_losses(base, tuned),
        "exact_difference": _difference([each.exact for each in base], [each.exact for each in tuned], commits),
        "similarity_difference": _difference(
            [each.similarity for each in base], [each.similarity for each in tuned], commits
        ),
    }


def _difference(base: Sequence[float], tuned: Sequence[float], commits: Sequence[str]) -> dict[str, Any]:
    """Return by how much the tuned model's scores are above the base's in the mean, with its interval over commits."""
    return asdict(mean_difference(base, tuned, commits))


def _scores_of(answered: Sequence[AnsweredTask], mode: str, system: str) -> list[Score]:
    """Return a system's score of each task; an empty list for a system that does not answer in this mode."""
    found = (each.answers.get((mode, system)) for each in answered)
    return [answer.score for answer in found if answer is not None]


def gain(answered: AnsweredTask) -> float:
    """Return how much more similar to the real text the tuned model's answer is than the base's, in the main mode."""
    mode = _main_mode(answered)
    return answered.answers[mode, "tuned"].score.similarity - answered.answers[mode, "base"].score.similarity


def _main_mode(answered: AnsweredTask) -> str:
    """Return the mode that the report shows: "infill" if the tokenizer allows it, else "left_to_right"."""
    return next(iter(answered.answers))[0]


def report_row(answered: AnsweredTask) -> dict[str, Any]:
    """Return a task and the answers of base and tuned model, as the report shows them."""
    task, mode = answered.task, _main_mode(answered)
    answers = {system: answered.answers[mode, system] for system in ("base", "tuned")}
    return {
        "commit": task.commit,
        "path": task.path,
        "line": task.start + 1,
        "mode": mode,
        "before": "".join(lines_of(task.before)[-_NEAR:]),
        "after": "".join(lines_of(task.after)[:_NEAR]),
        "real": task.text,
        **{system: answer.infill.text for system, answer in answers.items()},
        **{f"similarity_{system}": answer.score.similarity for system, answer in answers.items()},
    }


def record(answered: AnsweredTask) -> dict[str, Any]:
    """Return a task with all its answers, as a row of ``holes.jsonl``."""
    task = answered.task
    return {
        "commit": task.commit,
        "path": task.path,
        "line": task.start + 1,
        "kind": task.kind,
        "real": task.text,
        "answers": [
            {"mode": mode, "column": system, "text": answer.infill.text, "finished": answer.infill.finished}
            | asdict(answer.score)
            for (mode, system), answer in answered.answers.items()
        ],
    }
