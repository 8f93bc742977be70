"""Runs that are stopped or killed once, in every phase: they end as one that nobody stopped."""

import random
import signal
from collections.abc import Iterator
from itertools import product

from experiments.torture.rows import Budget, Row
from experiments.torture.stopped_training import BATCHES, CALLS, SEEDS, Workplace, stopped_row, workplace
from experiments.torture.stops import PLACES, SIGNALS, TWICE, Stop

__all__ = ["rows"]

_STEP = "the end of an optimizer step"
_GUARDS = {
    **dict.fromkeys(("training", "validation", "a file renamed"), SEEDS),
    "a checkpoint half written": "atomic writing",
    _STEP: "stops that wait for a step",
}
"""The guard of a place where there is one of its own."""
_AS_BEFORE = "what it ends with is guarded as in the first row"
_TWO = ["--trainer.accumulate_grad_batches=2"]


def rows(budget: Budget) -> Iterator[Row]:
    """Yield the rows: at every micro-batch, and in every phase, of which the short form has two."""
    work = workplace(budget, "kills")
    draw = budget.random("kills")
    yield _every_batch(work, budget)
    for place in draw.sample(list(PLACES), 2 if budget.is_short else len(PLACES)):
        yield _in_phase(work, budget, place, draw)
    if not budget.is_short:
        yield _two_processes(work, budget, draw)


def _two_processes(work: Workplace, budget: Budget, draw: random.Random) -> Row:
    """Return the row of a training in two processes, whose first one is stopped."""
    settings = ["--trainer.devices=2", "--trainer.strategy=ddp", "--evaluation.enabled=false"]
    numbers = [SIGNALS[each % 3] for each in range(budget.count(9))]
    outcomes = [work.outcome([Stop(each, "training", draw.randrange(1, 6))], settings) for each in numbers]
    without = (work.outcome([Stop(SIGNALS[0], "training", each)], settings, SEEDS) for each in (4, 3, 5))
    return stopped_row(
        "kills", "SIGKILL, SIGTERM, SIGINT to the first of two processes that train", outcomes, (SEEDS, without)
    )


def _every_batch(work: Workplace, budget: Budget) -> Row:
    """Return the row of a SIGKILL at each micro-batch, of which the short form tries some."""
    settings = [_TWO, *([f"--trainer.accumulate_grad_batches={each}"] for each in (1, 4))]
    all_of_them = list(product(range(1, BATCHES + 1), settings))
    some = budget.random("every batch").sample(all_of_them, budget.count(len(all_of_them)))
    outcomes = [work.outcome([Stop(SIGNALS[0], "training", number)], each) for number, each in some]
    without = (work.outcome([Stop(SIGNALS[0], "training", each)], _TWO, SEEDS) for each in (8, 3, 5, 11))
    remark = f"with a checkpoint after each step at most {work.most_repeated} micro-batches were learned again"
    return stopped_row("kills", "SIGKILL at each micro-batch, accumulation 1, 2, 4", outcomes, (SEEDS, without), remark)


def _in_phase(work: Workplace, budget: Budget, place: str, draw: random.Random) -> Row:
    """Return the row of all signals in one phase."""
    calls = range(1, CALLS.get(place, 1) + 1)
    numbers = [*SIGNALS, TWICE]
    kinds = [numbers[each % 4] for each in range(budget.count(12))]
    outcomes = [work.outcome([Stop(number, place, draw.choice(calls))], _TWO) for number in kinds]
    guarded = None
    if (guard := _GUARDS.get(place, "")) and not budget.is_short:
        number = signal.SIGTERM if place == _STEP else SIGNALS[0]  # SIGKILL saves nothing, so nothing half done either
        middle = sorted(calls, key=lambda each: abs(each - len(calls) / 2))
        guarded = guard, (work.outcome([Stop(number, place, each)], _TWO, guard) for each in middle)
    remark = "" if guarded else _AS_BEFORE
    return stopped_row("kills", f"SIGKILL, SIGTERM, SIGINT, SIGTERM twice in {place}", outcomes, guarded, remark)
