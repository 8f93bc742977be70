"""Cursor tasks: text that held-out commits wrote from inside a line on, likelihood and completions of both models."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from random import Random
from typing import Any

from codelm.evaluation.model import EvaluatedModel, continuation_nll
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.tasks.infilling import InfillEvaluation
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.samples.cursor_spans import INSIDE_LINE, REST_OF_LINE, cut_at_cursor
from codelm.history.samples.prompts import Prompt
from codelm.lines import lines_of
from codelm.metrics.infill_scores import similarity
from codelm.metrics.infill_tasks import InfillTask, new_code
from codelm.metrics.intervals import mean_difference
from codelm.metrics.likelihood import Nll, comparison, sum_by_commit
from codelm.metrics.number_format import counted
from codelm.metrics.syntax.code_lines import code_lines
from codelm.token_healing import HealedPrompt

__all__ = [
    "SHAPES",
    "CursorTask",
    "answer_of",
    "chosen_cursor_tasks",
    "cursor",
    "cursor_nats",
    "cursor_prompt",
    "cursor_tasks",
]

SHAPES = (REST_OF_LINE, INSIDE_LINE)
"""The shapes of spans that are measured; see `codelm.history.samples.cursor_spans`."""
_MAX_TOKENS = 512
"""Tokens of prompt and answer together, or a row where that is shorter: most of what decides a line stands near it."""
_NEW_TOKENS = 48
"""Tokens of an answer at most, which ends with its line anyway."""


@dataclass(frozen=True, slots=True)
class CursorTask:
    """A part of one line that a commit wrote, cut out of its file."""

    shape: str
    task: InfillTask


@dataclass(frozen=True, slots=True)
class _Answered:
    """Nll of the real text by both models, and what each wrote in its place."""

    task: CursorTask
    nll: Nll
    base: str
    tuned: str


def cursor(evaluation: InfillEvaluation, limit: int, budget: TimeBudget) -> dict[str, Any]:
    """Return the figures of each shape: bits per byte, exact matches and similarity, by the base and the tuned model.

    Args:
        evaluation: Chooses the lines, and makes the prompts.
        limit: Tasks of each shape at most.
        budget: Time for all of them.

    Raises:
        UnmeasuredError: There is no task, or no time for one.
    """
    tasks = chosen_cursor_tasks(evaluation, limit)
    if not tasks:
        raise UnmeasuredError("no held-out line can be cut at a cursor: raise data.held_out, or give a longer history")
    batches = evaluation.evaluated.batches(tasks)
    answered = [
        each for batch in evaluation.evaluated.in_time(batches, partial(_answer, evaluation), budget) for each in batch
    ]
    if not answered:
        raise UnmeasuredError(
            f"time allowed for none of {counted(len(tasks), 'cursor task')}: raise evaluation.minutes"
        )
    by_shape = {shape: [each for each in answered if each.task.shape == shape] for shape in SHAPES}
    return {shape: _figures(found) for shape, found in by_shape.items() if found} | {
        "asked": {"tasks": len(answered), "of": len(tasks)}
    }


def chosen_cursor_tasks(evaluation: InfillEvaluation, limit: int) -> list[CursorTask]:
    """Return the tasks of at most ``limit`` changes, of each shape one a change, in random order of the changes.

    Those are left out whose prompt and real text have no room in a row together.
    """
    cut = [each for task in evaluation.tasks(limit) for each in cursor_tasks(task, evaluation.data.known_lines)]
    lengths = (len(prompt.ids) + len(real) for prompt, real in zip(*_encoded(evaluation, cut), strict=True))
    return [each for each, length in zip(cut, lengths, strict=True) if length < evaluation.evaluated.max_tokens]


def cursor_tasks(task: InfillTask, known: frozenset[str]) -> Iterator[CursorTask]:
    """Yield a task of each shape, cut in one of the lines of code that the snapshot does not hold."""
    lines = lines_of(task.text)
    code = code_lines(task.language, task.before + task.text + task.after)[task.start : task.start + len(lines)]
    new = new_code(lines, code, known)
    random = Random(f"{task.commit} {task.path} {task.start}")
    for shape in SHAPES:
        if not new:
            return
        at = random.choice(new)
        span = cut_at_cursor(lines[at], random, shape)
        if span:
            before, after = "".join(lines[:at]), "".join(lines[at + 1 :])
            cut = replace(
                task,
                start=task.start + at,
                before=task.before + before + lines[at][: span.start],
                text=lines[at][span.start : span.stop],
                after=lines[at][span.stop :] + after + task.after,
            )
            yield CursorTask(shape, cut)


def _answer(evaluation: InfillEvaluation, tasks: Sequence[CursorTask]) -> list[_Answered]:
    """Return the tasks of a batch with the nll of their real text and the answers of both models."""
    evaluated = evaluation.evaluated
    given, real = _encoded(evaluation, tasks)
    found: dict[bool, tuple[list[float], list[str]]] = {}
    for base in (True, False):
        with evaluated.as_base(base):
            found[base] = _nats(evaluated, given, real), _written(evaluated, given)
    (base_nats, base_texts), (tuned_nats, tuned_texts) = found[True], found[False]
    return [
        _Answered(each, Nll(base, tuned, len(ids), len(each.task.text.encode())), base_text, tuned_text)
        for each, ids, base, tuned, base_text, tuned_text in zip(
            tasks, real, base_nats, tuned_nats, base_texts, tuned_texts, strict=True
        )
    ]


def cursor_nats(evaluation: InfillEvaluation, tasks: Sequence[CursorTask]) -> list[float]:
    """Return the nll of each task's real text, in nats, by the model as it is: tuned, or within ``as_base``."""
    return _nats(evaluation.evaluated, *_encoded(evaluation, tasks))


def _encoded(evaluation: InfillEvaluation, tasks: Sequence[CursorTask]) -> tuple[list[HealedPrompt], list[list[int]]]:
    """Return the token ids of the tasks' prompts, and of what was typed with the real text behind it."""
    encoder = evaluation.data.encoder
    prompts = encoder.encode_prompts([cursor_prompt(evaluation, each.task) for each in tasks])
    texts = [prompt.typed + each.task.text for prompt, each in zip(prompts, tasks, strict=True)]
    return prompts, [encoder.locate(text, inside=True)[0] for text in texts]


def _nats(evaluated: EvaluatedModel, given: Sequence[HealedPrompt], real: Sequence[list[int]]) -> list[float]:
    return [float(nll.sum()) for nll in continuation_nll(evaluated, given, real)]


def cursor_prompt(evaluation: InfillEvaluation, task: InfillTask) -> Prompt:
    """Return the prompt of a cursor task, which shows what stands behind the cursor if the tokenizer allows it."""
    return evaluation.prompt(task, evaluation.main_mode, _NEW_TOKENS, most=_MAX_TOKENS)


def _written(evaluated: EvaluatedModel, given: Sequence[HealedPrompt]) -> list[str]:
    """Return what the model writes behind each prompt, up to the end of the line."""
    complete = [_has_line_end] * len(given)
    return [answer_of(each.text) for each in evaluated.generate_texts(given, evaluated.greedy(_NEW_TOKENS), complete)]


def _has_line_end(text: str) -> bool:
    return "\n" in text


def answer_of(text: str) -> str:
    """Return generated text up to the end of its line."""
    return text.partition("\n")[0]


def _figures(answered: Sequence[_Answered]) -> dict[str, Any]:
    """Return the figures of the tasks of one shape."""
    commits = [each.task.task.commit for each in answered]
    likelihood = comparison(list(sum_by_commit(zip(commits, (each.nll for each in answered), strict=True)).values()))
    if likelihood is None:
        raise UnmeasuredError("no cursor task has text")
    systems = {"base": [each.base for each in answered], "tuned": [each.tuned for each in answered]}
    real = [each.task.task.text for each in answered]
    exact = {name: [_is_exact(*pair) for pair in zip(texts, real, strict=True)] for name, texts in systems.items()}
    near = {name: [similarity(*pair) for pair in zip(texts, real, strict=True)] for name, texts in systems.items()}
    return {
        "tasks": len(answered),
        "commits": likelihood["commits"],
        "bytes": sum(each.nll.bytes for each in answered),
        **{
            name: {
                "bits_per_byte": likelihood[name],
                "exact": sum(exact[name]) / len(answered),
                "similarity": sum(near[name]) / len(answered),
            }
            for name in systems
        },
        "change_percent": likelihood["change_percent"],
        "interval": likelihood["interval"],
        "exact_difference": asdict(mean_difference(exact["base"], exact["tuned"], commits)),
        "similarity_difference": asdict(mean_difference(near["base"], near["tuned"], commits)),
    }


def _is_exact(text: str, real: str) -> bool:
    return text.split() == real.split()
