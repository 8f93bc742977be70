"""Idioms: how both models write functions, and which traits they derive together, compared with the repository.

A model has `NEW_TOKENS` for a function. Functions of the repository are cut there too, by the rule that cuts generated
text: otherwise their length would count as style.
"""

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

from codelm.evaluation.data import EvaluationData, SnapshotPath, language_of
from codelm.evaluation.model import EvaluatedModel
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.epochs.plan import evenly_spaced
from codelm.history.samples.prompts import prompt
from codelm.history.tokenization.encoder import Encoder
from codelm.metrics.completion import completion
from codelm.metrics.derived_traits import DERIVE_PROMPT as DERIVE
from codelm.metrics.derived_traits import compare_derives
from codelm.metrics.idioms import MIN_BYTES, comparable_functions, compare, functions
from codelm.modules.generation import Generated, Sampling

__all__ = ["HEADS", "NEW_TOKENS", "cut_as_generated", "generate_items", "held_out_functions", "idioms"]

HEADS = ("fn", "pub fn", "    fn", "    pub fn", "#[test]\nfn")
NEW_TOKENS = 160
_SPARE = 4
"""One more function is generated for every so many that are wanted: some are too short to count."""
_TEMPERATURE, _TOP_P = 0.8, 0.95
_MOST_FUNCTIONS = 2000
"""Functions at most of the repository, which make its profile, and of held-out commits, which are compared with it."""
_DERIVE_TOKENS, _MOST_DERIVES = 32, 32
"""Tokens of a list of traits, and how many lists each model generates at most."""


def idioms(
    evaluated: EvaluatedModel, data: EvaluationData, limit: int, budget: TimeBudget, seed: int
) -> dict[str, Any]:
    """Return the figures of idioms.

    Args:
        evaluated: The model, as the base and as tuned.
        data: The repository's functions.
        limit: Functions wanted of each model.
        budget: Time for all of it.
        seed: Decides on files, and on functions where there are more than `_MOST_FUNCTIONS`.

    Raises:
        UnmeasuredError: The repository holds no Rust to compare with, or no time was left.
    """
    files = {file: text for file, text in data.snapshot.items() if language_of(file.path) == "rust"}
    repository: list[str] = []
    for text in sorted(files.values(), key=len):
        budget.check()
        repository += functions(text)
    if not comparable_functions(repository):
        raise UnmeasuredError(
            f"idioms are counted in Rust functions of {MIN_BYTES} bytes or more: the snapshot holds none"
        )
    prompts = _draw_prompts(sorted(files), HEADS, limit + limit // _SPARE, seed)
    base, tuned = generate_items(evaluated, data, prompts, NEW_TOKENS, budget.share(0.8))
    if not base:
        raise UnmeasuredError(
            "no time was left to write functions, whose idioms are compared: raise evaluation.minutes"
        )
    held_out = held_out_functions(data, frozenset(repository))
    old, new = (_draw_functions(each, data.encoder, seed) for each in (repository, held_out))
    figures = compare(old, new, base, tuned)
    if figures is None:
        raise UnmeasuredError(f"no function of {MIN_BYTES} bytes or more was written, whose idioms could be compared")
    derive_prompts = _draw_prompts(sorted(files), (DERIVE,), min(limit, _MOST_DERIVES), seed)
    lists = generate_items(evaluated, data, derive_prompts, _DERIVE_TOKENS, budget)
    asked = {"functions": len(base), "of": len(prompts), "derives": len(lists[0]), "derives_of": len(derive_prompts)}
    return figures | {"asked": asked, "derives": compare_derives(files.values(), *lists)}


def _draw_prompts(
    files: Sequence[SnapshotPath], heads: Sequence[str], count: int, seed: int
) -> list[tuple[SnapshotPath, str]]:
    """Return pairs of a file, in random order and spread over the repository, and a head, by turns.

    Where there are fewer files than pairs, each comes again with the next head.

    Args:
        files: The files of the snapshot.
        heads: The beginnings of items.
        count: The number of pairs.
        seed: Decides the order of the files.
    """
    chosen = evenly_spaced(files, count)
    order = Random(seed).sample(chosen, len(chosen))
    turns = (divmod(place, len(order)) for place in range(count))
    return [(order[index], heads[(index + turn) % len(heads)]) for turn, index in turns]


def _draw_functions(functions: Sequence[str], encoder: Encoder, seed: int) -> list[str]:
    """Return at most `_MOST_FUNCTIONS` functions in random order, cut as generated ones are."""
    drawn = Random(seed).sample(functions, min(_MOST_FUNCTIONS, len(functions)))
    return [cut_as_generated(function, encoder) for function in drawn]


def cut_as_generated(function: str, encoder: Encoder) -> str:
    """Return a function cut `NEW_TOKENS` tokens after its ``fn``, and then as generated text is cut."""
    head = function[: function.find("fn") + 2]
    rest = function[len(head) :]
    spans = encoder.locate(rest)[1][:NEW_TOKENS]
    end = spans[-1][1] if spans else 0
    return head + completion("rust", head, rest[:end], stopped=end == len(rest)).text


def held_out_functions(data: EvaluationData, known: frozenset[str]) -> list[str]:
    """Return the functions of files as held-out commits left them, without the ``known`` ones."""
    files = {
        (data.commit(change.commit)["repository"], change.path): change.text
        for change in data.test_changes()
        if language_of(change.path) == "rust"
    }
    return [function for text in files.values() for function in functions(text) if function not in known]


def generate_items(
    evaluated: EvaluatedModel,
    data: EvaluationData,
    prompts: Sequence[tuple[SnapshotPath, str]],
    new_tokens: int,
    budget: TimeBudget,
) -> tuple[list[str], list[str]]:
    """Return the items that the base and the tuned model write, as many as there is time for.

    Args:
        evaluated: The model, as the base and as tuned.
        data: The repositories' names, and the encoder.
        prompts: The file in which an item is to stand, and the head that it begins with.
        new_tokens: Tokens after a head at most.
        budget: Time for both models.
    """
    sampling = Sampling(new_tokens, _TEMPERATURE, _TOP_P, evaluated.prompts_at_a_time)

    def write(batch: Sequence[tuple[SnapshotPath, str]]) -> list[list[str]]:
        shown = [
            prompt(data.commit(file.commit)["repository"], file.path, head, None, data.encoder.format)
            for file, head in batch
        ]
        prompts = data.encoder.encode_prompts(shown)
        complete = [partial(_is_whole, head) for _, head in batch]
        texts = []
        for base in (True, False):
            with evaluated.as_base(base):
                texts.append(list(evaluated.generate_texts(prompts, sampling, complete)))
        return [[_item(head, text) for (_, head), text in zip(batch, each, strict=True)] for each in texts]

    written = evaluated.in_time(evaluated.batches(prompts), write, budget)
    base, tuned = ([item for items in written for item in items[place]] for place in (0, 1))
    return base, tuned


def _is_whole(head: str, text: str) -> bool:
    """Return whether the item that a head begins has ended in a text."""
    return completion("rust", head, text, stopped=False).finished


def _item(head: str, generated: Generated) -> str:
    """Return a head and the item that it begins."""
    return head + completion("rust", head, generated.text, stopped=generated.stopped).text
