"""Calls of the system on files that fail, one after the other: no state is half, and the command ends with a line."""

import errno
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

from codelm.errors import CodelmError
from codelm.files import hashes
from codelm.history.store import open_store
from codelm.runs.checkpoint_io import AtomicCheckpointIO
from codelm.saved_run import SavedRun
from experiments.torture.asked_server import ANSWERS_FILE, AskedServer
from experiments.torture.failing_files import CALLS_FILE, ERRORS, FailingFiles, can_fail_files
from experiments.torture.rows import Budget, Row, tally, until_bad
from experiments.torture.runs import Ended, processes, run_in_process, what_is_left, write_config
from experiments.torture.subjects import merging_tokenizer, write_base, write_repository

__all__ = ["rows"]

_FULL, _WITHOUT = 200, 60
"""Failing calls of each command that the full form tries, and those without its guard, at most."""
_NOT_REACHED = "by LD_PRELOAD: not reached are fopen within the C library, and mapped memory"
_ATOMIC, _STATUS = "atomic writing", "the exit status of a failing disk"
_RUN = "runs/run/version_0"


@dataclass(frozen=True, slots=True)
class _Command:
    """A command whose calls fail.

    Attributes:
        name: What it is.
        words: Its words.
        guard: What makes it hold.
        with_run: Whether a run has ended before.
        well: The status with which it ends where nothing fails.
    """

    name: str
    words: Sequence[str]
    guard: str = _ATOMIC
    with_run: bool = True
    well: int = 0

    @property
    def without(self) -> int:
        """The error with which its guard is taken out: what is half-written is so for want of room."""
        return errno.ENOSPC if self.guard == _ATOMIC else errno.EIO


@dataclass(frozen=True, slots=True)
class _Workplace:
    """Where commands run whose files fail.

    Attributes:
        context: Makes processes with the library loaded.
        folder: The folder.
    """

    context: ForkServerContext
    folder: Path

    @property
    def watched(self) -> Path:
        """The folder below which calls fail: base, runs, cache, exports."""
        return self.folder / "watched"

    def fresh(self, *, with_run: bool) -> None:
        """Begin anew, with a finished run or without."""
        shutil.rmtree(self.watched, ignore_errors=True)
        whole = self.folder / "finished"
        if with_run:
            shutil.copytree(whole, self.watched, symlinks=True)
        else:
            shutil.copytree(whole / "base", self.watched / "base")

    def run(self, command: _Command, at: int, number: int, *, guard: str = "", lasting: bool = False) -> Ended:
        """Begin anew and run a command whose call ``at`` fails, 0 for none, with or without a guard."""
        self.fresh(with_run=command.with_run)
        return self.go_on(command, at, number, guard=guard, lasting=lasting)

    def go_on(self, command: _Command, at: int, number: int, *, guard: str = "", lasting: bool = False) -> Ended:
        """Run a command on what there is."""
        files = FailingFiles(str(self.watched), at, number, lasting)
        harm = AskedServer(files) if command.words[0] == "serve" else files
        return run_in_process(self.context, self.folder, command.words, harm, guard)

    def calls(self, command: _Command, guard: str = "") -> dict[int, int]:
        """Return how many calls a command makes that can fail, by the number of the error."""
        ended = self.run(command, 0, 0, guard=guard)
        assert ended.status == command.well, ended.said
        found = json.loads((self.folder / CALLS_FILE).read_text())
        return {int(number): count for number, count in found.items()}


def rows(budget: Budget) -> Iterator[Row]:
    """Yield a row for each command, and one for a disk that fills while it trains."""
    if not can_fail_files():
        yield Row("faults", "calls on files that fail", 0, 0, "not tried: there is no C compiler here")
        return
    work = _Workplace(processes(), budget.folder("faults"))
    fit, *others = _commands(work)
    _prepare(work, fit)
    calls = work.calls(fit)
    yield _each_call(work, budget, fit, calls)
    yield _full_disk(work, budget, fit, calls[errno.ENOSPC])
    for command in [] if budget.is_short else others:
        yield _each_call(work, budget, command, work.calls(command))


def _commands(work: _Workplace) -> list[_Command]:
    run, to = f"--output={work.watched / 'runs'}", f"--to={work.watched / 'out'}"
    later = f"--data.repo={work.folder / 'later/numbers'}"
    return [
        _Command("fit", ["fit", "--config", "config.yaml", "--name=run", run], with_run=False),
        _Command("export as GGUF", ["export", "run", run, "--format", "gguf", "--type", "f32", to]),
        _Command("data", ["data", "--config", "config.yaml", to]),
        _Command("refresh", ["refresh", "run", run, later]),
        _Command("complete", ["complete", "run", run, "--max_new_tokens", "4", "fn a"], _STATUS),
        _Command("serve", ["serve", "run", run, "--port=0"], _STATUS, well=128 + signal.SIGTERM),
    ]


def _prepare(work: _Workplace, fit: _Command) -> None:
    """Make base and repositories, of which the second goes on with the first, and a finished run."""
    write_base(work.folder / "finished/base", positions=512, tokenizer=merging_tokenizer())
    repository = write_repository(work.folder / "numbers")
    write_repository(work.folder / "later/numbers", 60)
    write_config(work.folder, work.watched / "base", repository, work.watched / "cache", sequence_length=256)
    ended = work.run(fit, 0, 0)
    assert ended.status == 0, ended.said
    shutil.copytree(work.watched, work.folder / "finished", symlinks=True, dirs_exist_ok=True)


def _each_call(work: _Workplace, budget: Budget, command: _Command, calls: dict[int, int]) -> Row:
    """Return the row of a command whose calls fail one after the other, of which the short form tries some."""
    all_of_them = [(at, number) for number in ERRORS for at in range(1, calls[number] + 1)]
    count = min(len(all_of_them), budget.count(_FULL, least=2))
    some = budget.random(command.name).sample(all_of_them, count)
    tried, held, failures = tally(_outcome(work, command, at, number) for at, number in some)
    without = tally(until_bad(_without(work, command)))
    what = (
        f"{command.name}: one of its {calls[errno.EIO]} calls to open, write, sync or rename fails; status 2, 3 or 4"
        " with a line, or all is done; nothing half-written, and the run before as it was"
    )
    return Row("faults", what, tried, held, _NOT_REACHED, command.guard, without[0], without[1], failures)


def _without(work: _Workplace, command: _Command) -> Iterator[str]:
    """Yield what comes of a command without its guard: what is written last is mended by nothing behind it."""
    number = command.without
    calls = work.calls(command, command.guard)[number]
    places = range(calls, 0, -1) if command.guard == _ATOMIC else range(1, calls + 1)
    for at in places[:_WITHOUT]:
        yield _outcome(work, command, at, number, command.guard)


def _outcome(work: _Workplace, command: _Command, at: int, number: int, guard: str = "") -> str:
    """Run a command whose call fails, and return what went wrong, if anything."""
    ended = work.run(command, at, number, guard=guard)
    wrong = _complaints(ended, command.well) + _half_states(work.watched)
    if command.with_run and hashes(work.watched / _RUN) != hashes(work.folder / "finished" / _RUN):
        wrong.append("the run before is another")
    if command.words[0] == "serve" and ended.status == command.well:
        wrong += json.loads((work.folder / ANSWERS_FILE).read_text())
    return f"{command.name}, call {at}, {errno.errorcode[number]}: {', '.join(wrong)}" if wrong else ""


def _complaints(ended: Ended, well: int = 0) -> list[str]:
    """Return what is wrong with the status and the words of a command that ends with the status ``well``, or not."""
    said = " ".join(ended.said.split())[-250:]
    wrong = [] if ended.status in (well, 2, 3, 4) else [f"status {ended.status}: {said}"]
    wrong += ["a traceback"] if ended.has_traceback else []
    return wrong + ([f"{len(ended.errors)} lines of error"] if len(ended.errors) != (ended.status != well) else [])


def _half_states(watched: Path) -> list[str]:
    """Return what is half-written: temporary files that stay, and what is damaged under the name that it is read by."""
    wrong = [path.name for path in watched.rglob(".*") if re.search(r"\.(tmp|old)$", path.name)]
    for path in watched.rglob("*"):
        try:
            _read(path)
        except CodelmError as error:
            wrong.append(str(error))
    out = watched / "out"
    if out.is_dir() and not {"export.json", "dataset.json"} & set(os.listdir(out)):
        wrong.append(f"out holds only {sorted(hashes(out))}")
    return wrong


def _read(path: Path) -> None:
    """Read a checkpoint, a manifest with its adapter, or a store, as codelm reads it; no other file."""
    if path.suffix == ".ckpt":
        AtomicCheckpointIO().load_checkpoint(path)
    elif path.name == "MANIFEST.json":
        SavedRun(path.parent).refuse_changed_adapter()
    elif path.name == "facts.json":
        open_store(path.parent)


def _full_disk(work: _Workplace, budget: Budget, fit: _Command, calls: int) -> Row:
    """Return the row of a disk that is full from some call of a training on; the short form leaves it its guard."""
    whole = what_is_left(work.folder / "finished" / _RUN)
    draw = budget.random("full disk")
    places = [draw.randrange(calls // 3, calls + 1) for _ in range(budget.count(100))]
    tried, held, failures = tally(_on_full_disk(work, fit, at, whole) for at in places)
    what = (
        "fit: the disk is full from one call on; status 4, all checkpoints whole, and with room again it ends as if"
        " there had always been some"
    )
    if budget.is_short:
        return Row("faults", what, tried, held, f"{_NOT_REACHED}; guarded as in the first row", failures=failures)
    without = tally(until_bad(_on_full_disk(work, fit, at, whole, _ATOMIC) for at in places))
    return Row("faults", what, tried, held, _NOT_REACHED, _ATOMIC, without[0], without[1], failures)


def _on_full_disk(work: _Workplace, fit: _Command, at: int, whole: dict[str, object], guard: str = "") -> str:
    """Train until the disk is full, make room, go on, and return what went wrong, if anything."""
    ended = work.run(fit, at, errno.ENOSPC, lasting=True, guard=guard)
    wrong = _complaints(ended) + _half_states(work.watched)
    wrong += [] if ended.status in (0, 4) else [f"status {ended.status}"]
    resume = ["--ckpt_path=last"] if list(work.watched.glob("runs/run/*/checkpoints/last.ckpt")) else []
    again = work.go_on(replace(fit, words=[*fit.words, *resume]), 0, 0)
    if again.status:
        wrong.append(f"then status {again.status}: {' '.join(again.said.split())[-250:]}")
    else:
        runs = sorted((work.watched / "runs/run").glob("version_*"))
        left = what_is_left(runs[-1])
        wrong += [f"then other {name}" for name in whole if left[name] != whole[name]]
    return f"full from call {at}: {', '.join(wrong)}" if wrong else ""
