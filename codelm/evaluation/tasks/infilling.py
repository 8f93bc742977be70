"""Infilling: lines that held-out commits added, written by the base, the base with an example, and the tuned model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from random import Random

from codelm.evaluation.data import EvaluationData, language_of
from codelm.evaluation.general import library_texts, own_texts
from codelm.evaluation.model import MAX_PROMPT_TOKENS, EvaluatedModel
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.held_out_changes import HeldOutChange
from codelm.history.samples.prompts import Prompt, prompt
from codelm.metrics.infill import Infill, cut_infill, is_complete
from codelm.metrics.infill_scores import Score, score
from codelm.metrics.infill_tasks import InfillTask, choose_tasks, cut_tasks, visible_context
from codelm.metrics.retrieval import most_similar
from codelm.metrics.syntax.identifiers import LEXERS, own_names

__all__ = ["Answer", "AnsweredTask", "InfillEvaluation", "draw_changes"]

_SYSTEMS = {"infill": ("base", "retrieval", "tuned"), "left_to_right": ("base", "tuned")}
"""The systems that answer a task, by mode. The "infill" mode shows the lines before and after the span, the other one
those before it; "retrieval" is the base with an example in its prompt."""
_MIN_NEW_TOKENS, _MAX_NEW_TOKENS = 32, 192
"""Bounds on the tokens of an answer, which are twice those of the longest real text of its batch."""
_OTHER_TOKENS = 96
"""Tokens that are kept free for names and special tokens."""
_EXAMPLES = 2000
"""Samples of training changes among which the example is sought."""
_EXAMPLE_SHARE = 4
"""An example takes a quarter of the prompt at most."""
_SPARE_COMMITS = 2
"""Commits that are searched for each task that is wanted: not every change has one."""
_FILES_PER_COMMIT = 8
"""Files of a commit that are searched, at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The text that a system wrote for a task, and its score."""

    infill: Infill
    score: Score


@dataclass(slots=True)
class AnsweredTask:
    """An infill task with its answers by mode and system; the system "real" stands for the real text."""

    task: InfillTask
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)


class InfillEvaluation:
    """Chooses infill tasks from the data's held-out changes, and has them answered; the seed decides which."""

    def __init__(self, evaluated: EvaluatedModel, data: EvaluationData, seed: int) -> None:
        self.evaluated = evaluated
        self.data = data
        self.seed = seed
        self.repositories: dict[str, str] = {}
        self.modes = [mode for mode in _SYSTEMS if mode != "infill" or data.encoder.format.infill]
        self._chosen: dict[int, list[InfillTask]] = {}

    @property
    def main_mode(self) -> str:
        """The mode that shows the most: "infill" if the tokenizer allows it, else "left_to_right"."""
        return self.modes[0]

    @cached_property
    def own_names(self) -> dict[str, frozenset[str]]:
        """The names that the snapshot has and general code lacks, by language."""
        general = [(text.language, text.text) for text in (*own_texts(), *library_texts())]
        snapshot = [(language_of(file.path), text) for file, text in self.data.snapshot.items()]
        return {language: own_names(_of(language, snapshot), _of(language, general), language) for language in LEXERS}

    @cached_property
    def examples(self) -> list[tuple[str, str]]:
        """Path and text of the changes of the training split among which an example is sought."""
        return self.data.training_changes(_EXAMPLES)

    def tasks(self, limit: int) -> list[InfillTask]:
        """Return at most ``limit`` tasks, in random order: those that are answered in time then stand for all.

        They are chosen once: that takes the reading of many whole files.
        """
        if limit not in self._chosen:
            self._chosen[limit] = self._choose(limit)
        return self._chosen[limit]

    def _choose(self, limit: int) -> list[InfillTask]:
        changes = self.data.test_changes()
        code = [change for change in changes if language_of(change.path) in LEXERS]
        # A changed line of prose or of settings says little about code; where there is nothing else, it has to do.
        found = self._cut_all(code, limit) or self._cut_all(changes, limit)
        chosen = choose_tasks(found, limit, seed=self.seed)
        return Random(self.seed).sample(chosen, len(chosen))

    def _cut_all(self, changes: Sequence[HeldOutChange], limit: int) -> list[InfillTask]:
        drawn = draw_changes(changes, _SPARE_COMMITS * limit, Random(self.seed))
        return [task for change in drawn for task in self._cut(change)]

    def _cut(self, change: HeldOutChange) -> Iterator[InfillTask]:
        commit = self.data.commit(change.commit)
        self.repositories[commit["sha"]] = commit["repository"]
        language = language_of(change.path)
        return cut_tasks(commit["sha"], change.path, language, change.text, change.spans, self.data.known_lines)

    def answer(self, tasks: Sequence[InfillTask], budget: TimeBudget) -> list[AnsweredTask]:
        """Return the tasks that are answered in time, each in every mode by every system."""
        _ = self.own_names, self.examples  # what is read for all tasks must not count as the time of the first batch
        answered = self.evaluated.in_time(list(self._batches(tasks)), self._answer_batch, budget)
        return list(chain.from_iterable(answered))

    def _batches(self, tasks: Sequence[InfillTask]) -> Iterator[list[InfillTask]]:
        """Yield batches of tasks of similar length: a batch takes as long as its longest answer.

        The batches come in random order: otherwise the long tasks would be those for which no time is left.
        """
        size, random = self.evaluated.prompts_at_a_time, Random(self.seed)
        for start in range(0, len(tasks), 4 * size):
            by_length = sorted(tasks[start : start + 4 * size], key=lambda task: len(task.text))
            batches = [by_length[first : first + size] for first in range(0, len(by_length), size)]
            first, *others = random.sample(batches, len(batches))
            yield from [*([[task] for task in first] if start == 0 else [first]), *others]

    def _answer_batch(self, tasks: Sequence[InfillTask]) -> list[AnsweredTask]:
        answered = [AnsweredTask(task) for task in tasks]
        for mode in self.modes:
            for system in _SYSTEMS[mode]:
                self._add_answers(answered, mode, system)
        return answered

    def _add_answers(self, answered: Sequence[AnsweredTask], mode: str, system: str) -> None:
        """Add a system's answer to each task of a batch; with the base's, add the real text."""
        tasks = [row.task for row in answered]
        longest = max(self.data.encoder.count([task.text for task in tasks]))
        new_tokens = min(_MAX_NEW_TOKENS, max(_MIN_NEW_TOKENS, 2 * longest))
        prompts = [self.prompt(task, mode, new_tokens, with_example=system == "retrieval") for task in tasks]
        encoded = self.data.encoder.encode_prompts(prompts)
        with self.evaluated.as_base(system != "tuned"):
            complete = [partial(is_complete, task, sees_after=mode == "infill") for task in tasks]
            generated = list(self.evaluated.generate_texts(encoded, self.evaluated.greedy(new_tokens), complete))
        for task, row, shown, (text, stopped) in zip(tasks, answered, prompts, generated, strict=True):
            infill = cut_infill(task, text, stopped, mode == "infill")
            row.answers[mode, system] = self._scored(task, infill, shown.text)
            if system == "base":
                row.answers[mode, "real"] = self._scored(task, Infill(task.text, finished=True), shown.text)

    def _scored(self, task: InfillTask, infill: Infill, shown: str) -> Answer:
        own = self.own_names.get(task.language, frozenset())
        return Answer(infill, score(task, infill, shown, own))

    def prompt(
        self, task: InfillTask, mode: str, new_tokens: int, *, most: int = MAX_PROMPT_TOKENS, with_example: bool = False
    ) -> Prompt:
        """Return the prompt of a task in a mode.

        Args:
            task: The task.
            mode: One of `modes`.
            new_tokens: Tokens to keep free for the answer.
            most: Tokens of prompt and answer together, or a row where that is shorter.
            with_example: Whether a similar change of training comes first, in the mode "infill".
        """
        repository, encoder = self.repositories[task.commit], self.data.encoder
        max_tokens = min(most, self.evaluated.max_tokens) - new_tokens - _OTHER_TOKENS
        if mode != "infill":
            before, _ = visible_context(task.before, "", encoder.count, max_tokens)
            return prompt(repository, task.path, before, None, encoder.format)
        example = self._example(task, max_tokens // _EXAMPLE_SHARE) if with_example else None
        max_tokens -= encoder.count([example[1]])[0] if example else 0
        before, after = visible_context(task.before, task.after, encoder.count, max_tokens)
        return prompt(repository, task.path, before, after, encoder.format, example=example)

    def _example(self, task: InfillTask, max_tokens: int) -> tuple[str, str] | None:
        """Return path and text of the training change most similar to the lines around a span, or None.

        Of a change with more than ``max_tokens`` tokens, the text is the most similar part.
        """
        return most_similar(task.before, task.after, self.examples, self.data.encoder.count, max_tokens)


def draw_changes(changes: Sequence[HeldOutChange], commits: int, random: Random) -> list[HeldOutChange]:
    """Return the changes of at most ``commits`` random commits, `_FILES_PER_COMMIT` of each at most, in their order.

    To cut tasks means to read a whole file, and each task keeps it: all of a long history would take minutes.
    """
    by_commit: dict[int, list[int]] = {}
    for index in random.sample(range(len(changes)), len(changes)):
        by_commit.setdefault(changes[index].commit, []).append(index)
    drawn = [indices[:_FILES_PER_COMMIT] for indices in by_commit.values()][:commits]
    return [changes[index] for index in sorted(chain.from_iterable(drawn))]


def _of(language: str, texts: Sequence[tuple[str, str]]) -> list[str]:
    return [text for its, text in texts if its == language]
