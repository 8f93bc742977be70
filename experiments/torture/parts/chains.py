"""Runs that are stopped or killed again and again, at random places and times: they end as one that nobody stopped."""

import random
from collections.abc import Iterator

from experiments.torture.rows import Budget, Row
from experiments.torture.stopped_training import CALLS, SEEDS, stopped_row, workplace
from experiments.torture.stops import PLACES, SIGNALS, TWICE, Stop

__all__ = ["rows"]

_RANDOM_SECONDS = 12.0


def rows(budget: Budget) -> Iterator[Row]:
    """Yield the row of chains of signals; the short form does not take their guard out."""
    work = workplace(budget, "chains")
    draw = budget.random("chains")
    # With dropout, which is what the seeds are for.
    chains = ((stops, [*settings, "--model.lora.dropout=0.05"]) for stops, settings in (_chain(draw) for _ in range(9)))
    guarded = None if budget.is_short else (SEEDS, (work.outcome(*each, SEEDS) for each in chains))
    yield stopped_row(
        "chains",
        "chains of 1 to 5 signals at random places and times; accumulation 1, 2, 4, validation within epochs, workers",
        (work.outcome(*_chain(draw)) for _ in range(budget.count(200))),
        guarded,
        "" if guarded else "what it ends with is guarded as that of a single signal",
    )


def _chain(draw: random.Random) -> tuple[list[Stop], list[str]]:
    """Return the signals that stop a training, and its settings."""
    settings = [f"--trainer.accumulate_grad_batches={draw.choice([1, 2, 4])}"]
    settings += [f"--trainer.val_check_interval={draw.choice(['1.0', '2', '3'])}"]
    settings += [f"--data.num_workers={draw.choice([0, 0, 1])}", f"--model.lora.dropout={draw.choice([0.0, 0.05])}"]
    return [_stop(draw) for _ in range(draw.randrange(1, 6))], settings


def _stop(draw: random.Random) -> Stop:
    number = draw.choice([*SIGNALS, TWICE])
    if draw.random() < 0.3:
        return Stop(number, "time", draw.uniform(0.1, _RANDOM_SECONDS))
    place = draw.choice(list(PLACES))
    return Stop(number, place, draw.randrange(1, CALLS.get(place, 1) + 1))
