"""Runs that are stopped or killed, in every phase and again and again: they end as one that nobody stopped."""

import random
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from experiments.torture.rows import Budget, Row, tally, until_bad
from experiments.torture.runs import Ended, processes, run_in_process, what_is_left, write_config
from experiments.torture.stops import PLACES, SIGNALS, TWICE, Stop
from experiments.torture.subjects import write_base, write_repository

__all__ = ["rows"]

_BATCHES = 12
"""Micro-batches of a whole training: six in each of two epochs."""
_CALLS = {
    "building the store": 40,
    "training": 12,
    "validation": 9,
    "a checkpoint half written": 4,
    "a file renamed": 6,
}
"""Calls of each place that a training surely makes; of the others one."""
_WHILE_TRAINING = ("training", "validation", "a file renamed")
"""The places behind and before which there is training."""
_SEEDS, _ATOMIC = "seeds of each micro-batch", "atomic writing"
_AS_BEFORE = "what it ends with is guarded as in the first row"
_TWO = ["--trainer.accumulate_grad_batches=2"]
_RANDOM_SECONDS = 12.0
_EVALUATION = "{enabled: true, limit: 1, minutes: 0.05, tokens: 200, every_n_epochs: 0}"


@dataclass
class _Workplace:
    """Where trainings are stopped, and what those leave that nobody stopped, by their settings."""

    context: ForkServerContext
    folder: Path
    whole: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    most_repeated: int = 0
    """Micro-batches learned again after one SIGKILL, at most."""

    def outcome(self, stops: Sequence[Stop], settings: Sequence[str], guard: str = "") -> str:
        """Train with stops, and return how what is left differs from what a whole training leaves."""
        key = (guard, *settings)
        if key not in self.whole:
            self.whole[key], _ = self._left(self._train([], settings, guard))
        try:
            found, repeated = self._left(self._train(stops, settings, guard))
        except (AssertionError, OSError, KeyError, ValueError) as error:
            return f"{_told(stops)} {list(settings)}: {' '.join(str(error).split())[-300:]}"
        if len(stops) == 1 and stops[0].place == "training":
            self.most_repeated = max(self.most_repeated, repeated)
        other = [name for name, value in self.whole[key].items() if found[name] != value]
        return f"{_told(stops)} {list(settings)}: other {', '.join(other)}" if other else ""

    def _train(self, stops: Sequence[Stop], settings: Sequence[str], guard: str = "") -> Path:
        """Train in a new folder, stopped again and again, and return the folder."""
        folder = self.folder / "here"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(self.folder / "config.yaml", folder)
        if any(stop.place.endswith("building the store") for stop in stops):
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
        for stop in (*stops, Stop(0)):
            resume = ["--ckpt_path=last"] if list(folder.glob("runs/*/*/checkpoints/last.ckpt")) else []
            words = ["fit", "--config", "config.yaml", "--name=run", *settings, *resume]
            ended = run_in_process(self.context, folder, words, stop, guard)
            if ended.status == 0:
                return folder
            self._refuse_other_end(ended, stop)
        raise AssertionError("it has not ended")

    @staticmethod
    def _refuse_other_end(ended: Ended, stop: Stop) -> None:
        number = abs(stop.number)
        assert number, f"status {ended.status}: {ended.said[-300:]}"
        assert ended.status in (-number, 128 + number), f"status {ended.status} after {stop}: {ended.said[-300:]}"
        assert not ended.has_traceback, f"a traceback after {stop}: {ended.said[-300:]}"

    def _left(self, folder: Path) -> tuple[dict[str, Any], int]:
        """Return what a training has left, and the micro-batches that it learned more than once."""
        runs = sorted((folder / "runs/run").glob("version_*"), key=lambda each: int(each.name[8:]))
        unfinished = [str(path) for path in folder.rglob(".*") if re.search(r"\.(tmp|old)$|^\.lock$", path.name)]
        batches = (folder / "batches").stat().st_size
        return what_is_left(runs[-1]) | {"unfinished": unfinished}, batches - _BATCHES


def rows(budget: Budget) -> Iterator[Row]:
    """Yield the rows: at every micro-batch, in every phase, of which the short form has two, and chains at random."""
    work = _workplace(budget)
    draw = budget.random("kills")
    yield _every_batch(work, budget)
    for place in draw.sample(list(PLACES), 2 if budget.is_short else len(PLACES)):
        yield _in_phase(work, budget, place, draw)
    if not budget.is_short:
        yield _two_processes(work, budget, draw)
    # With dropout, which is what the seeds are for.
    chains = ((stops, [*settings, "--model.lora.dropout=0.05"]) for stops, settings in (_chain(draw) for _ in range(9)))
    guarded = None if budget.is_short else (_SEEDS, (work.outcome(*each, _SEEDS) for each in chains))
    yield _row(
        "chains of 1 to 5 signals at random places and times; accumulation 1, 2, 4, validation within epochs, workers",
        (work.outcome(*_chain(draw)) for _ in range(budget.count(200))),
        guarded,
        "" if guarded else _AS_BEFORE,
    )


def _two_processes(work: _Workplace, budget: Budget, draw: random.Random) -> Row:
    """Return the row of a training in two processes, whose first one is stopped."""
    settings = ["--trainer.devices=2", "--trainer.strategy=ddp", "--evaluation.enabled=false"]
    numbers = [SIGNALS[each % 3] for each in range(budget.count(9))]
    outcomes = [work.outcome([Stop(each, "training", draw.randrange(1, 6))], settings) for each in numbers]
    without = (work.outcome([Stop(SIGNALS[0], "training", each)], settings, _SEEDS) for each in (4, 3, 5))
    return _row("SIGKILL, SIGTERM, SIGINT to the first of two processes that train", outcomes, (_SEEDS, without))


def _workplace(budget: Budget) -> _Workplace:
    folder = budget.folder("kills")
    base, repository = write_base(folder / "base"), write_repository(folder / "numbers")
    write_config(folder, base, repository, folder / "cache", evaluation=_EVALUATION)
    return _Workplace(processes(), folder)


def _row(what: str, outcomes: Iterable[str], guarded: tuple[str, Iterable[str]] | None, remark: str = "") -> Row:
    """Return a row; ``guarded`` names the guard that was out, and what came of it."""
    tried, held, failures = tally(outcomes)
    guard, without = guarded or ("", ())
    tried_without, held_without, _ = tally(until_bad(without))
    what = f"{what}: adapter bit for bit, history and files as without them"
    return Row("kills", what, tried, held, remark, guard, tried_without, held_without, failures)


def _every_batch(work: _Workplace, budget: Budget) -> Row:
    """Return the row of a SIGKILL at each micro-batch, of which the short form tries some."""
    settings = [_TWO, *([f"--trainer.accumulate_grad_batches={each}"] for each in (1, 4))]
    all_of_them = list(product(range(1, _BATCHES + 1), settings))
    some = budget.random("every batch").sample(all_of_them, budget.count(len(all_of_them)))
    outcomes = [work.outcome([Stop(SIGNALS[0], "training", number)], each) for number, each in some]
    without = (work.outcome([Stop(SIGNALS[0], "training", each)], _TWO, _SEEDS) for each in (8, 3, 5, 11))
    remark = f"with a checkpoint after each step at most {work.most_repeated} micro-batches were learned again"
    return _row("SIGKILL at each micro-batch, accumulation 1, 2, 4", outcomes, (_SEEDS, without), remark)


def _in_phase(work: _Workplace, budget: Budget, place: str, draw: random.Random) -> Row:
    """Return the row of all signals in one phase."""
    calls = range(1, _CALLS.get(place, 1) + 1)
    numbers = [*SIGNALS, TWICE]
    kinds = [numbers[each % 4] for each in range(budget.count(12))]
    outcomes = [work.outcome([Stop(number, place, draw.choice(calls))], _TWO) for number in kinds]
    guarded = None
    guard = _ATOMIC if place == "a checkpoint half written" else _SEEDS if place in _WHILE_TRAINING else ""
    if guard and not budget.is_short:
        middle = sorted(calls, key=lambda each: abs(each - len(calls) / 2))
        guarded = guard, (work.outcome([Stop(SIGNALS[0], place, each)], _TWO, guard) for each in middle)
    remark = "" if guarded else _AS_BEFORE
    return _row(f"SIGKILL, SIGTERM, SIGINT, SIGTERM twice in {place}", outcomes, guarded, remark)


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
    return Stop(number, place, draw.randrange(1, _CALLS.get(place, 1) + 1))


def _told(stops: Sequence[Stop]) -> str:
    return ", ".join(f"{stop.number} in {stop.place} at {stop.when:g}" for stop in stops)
