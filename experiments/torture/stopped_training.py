"""Trainings that are stopped or killed again and again, and how what they leave differs from what nobody stopped."""

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from experiments.torture.rows import Budget, Row, tally, until_bad
from experiments.torture.runs import Ended, left_running, processes, run_in_process, what_is_left, write_config
from experiments.torture.stops import Stop
from experiments.torture.subjects import write_base, write_repository

__all__ = ["BATCHES", "CALLS", "SEEDS", "Workplace", "stopped_row", "workplace"]

BATCHES = 12
"""Micro-batches of a whole training: six in each of two epochs."""
CALLS = {
    "building the store": 40,
    "training": 12,
    "the end of an optimizer step": 4,
    "validation": 9,
    "a checkpoint half written": 4,
    "a file renamed": 6,
}
"""Calls of each place that a training surely makes; of the others one."""
SEEDS = "seeds of each micro-batch"
"""The guard that makes a training go on as if nobody had stopped it."""
_EVALUATION = "{enabled: true, limit: 1, minutes: 0.05, tokens: 200, every_n_epochs: 0}"


@dataclass
class Workplace:
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
            return f"{_described(stops)} {list(settings)}: {' '.join(str(error).split())[-300:]}"
        if len(stops) == 1 and stops[0].place == "training":
            self.most_repeated = max(self.most_repeated, repeated)
        other = [name for name, value in self.whole[key].items() if found[name] != value]
        return f"{_described(stops)} {list(settings)}: other {', '.join(other)}" if other else ""

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
        running = left_running(folder)
        assert not running, f"still running: {running}"
        return what_is_left(runs[-1]) | {"unfinished": unfinished}, batches - BATCHES


def workplace(budget: Budget, part: str) -> Workplace:
    """Return where a part stops its trainings, with a base and a repository."""
    folder = budget.folder(part)
    base, repository = write_base(folder / "base"), write_repository(folder / "numbers")
    write_config(folder, base, repository, folder / "cache", evaluation=_EVALUATION)
    return Workplace(processes(), folder)


def stopped_row(
    part: str, what: str, outcomes: Iterable[str], guarded: tuple[str, Iterable[str]] | None, remark: str = ""
) -> Row:
    """Return a row of trainings that were stopped.

    Args:
        part: The part of the table.
        what: What was done to them.
        outcomes: What came of each, see `Workplace.outcome`.
        guarded: The guard that was then out, and what came of it.
        remark: The worst that was seen.
    """
    tried, held, failures = tally(outcomes)
    guard, without = guarded or ("", ())
    tried_without, held_without, _ = tally(until_bad(without))
    what = f"{what}: adapter bit for bit, history and files as without them"
    return Row(part, what, tried, held, remark, guard, tried_without, held_without, failures)


def _described(stops: Sequence[Stop]) -> str:
    return ", ".join(f"{stop.number} in {stop.place} at {stop.when:g}" for stop in stops)
