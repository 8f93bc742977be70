"""Calls of the system on files that fail, one after the other: no state is half, and the command ends with a line."""

import errno
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

from codelm.errors import CodelmError
from codelm.files import hashes
from codelm.history.store import open_store
from codelm.runs.checkpoint_io import AtomicCheckpointIO
from codelm.saved_run import SavedRun
from experiments.torture.failing_files import CALLS_FILE, FailingFiles, can_fail_files
from experiments.torture.rows import Budget, Row, tally
from experiments.torture.runs import Ended, processes, run_in_process, what_is_left, write_config
from experiments.torture.subjects import merging_tokenizer, write_base, write_repository

__all__ = ["rows"]

_ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
_FULL = 400
"""Failing calls of each command that the full form tries at most."""
_NOT_REACHED = (
    "by LD_PRELOAD: not reached are fopen within the C library, and mapped memory; atomic writing is taken out among"
    " the kills"
)


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
        """The folder below which calls fail: runs, cache, exports."""
        return self.folder / "watched"

    def fresh(self, *, with_run: bool) -> None:
        """Begin anew, with a finished run or without."""
        shutil.rmtree(self.watched, ignore_errors=True)
        if with_run:
            shutil.copytree(self.folder / "finished", self.watched, symlinks=True)
        else:
            self.watched.mkdir()

    def run(self, words: Sequence[str], at: int, number: int, *, lasting: bool = False) -> Ended:
        """Run a command whose call ``at`` fails."""
        harm = FailingFiles(str(self.watched), at, number, lasting)
        return run_in_process(self.context, self.folder, words, harm)

    def calls(self) -> int:
        """Return how many calls the last command made."""
        return int((self.folder / CALLS_FILE).read_text())


def rows(budget: Budget) -> Iterator[Row]:
    """Yield a row for each command, and one for a disk that fills while it trains."""
    folder = budget.folder("faults")
    if not can_fail_files():
        yield Row("faults", "calls on files that fail", 0, 0, "not tried: there is no C compiler here")
        return
    work = _Workplace(processes(), folder)
    _prepare(work)
    fit = ["fit", "--config", "config.yaml", "--name=run", f"--output={work.watched / 'runs'}"]
    run = f"--output={work.watched / 'runs'}"
    to = f"--to={work.watched / 'out'}"
    commands = {
        "fit": fit,
        "export as GGUF": ["export", "run", run, "--format", "gguf", "--type", "f32", to],
        "data": ["data", "--config", "config.yaml", to],
        "complete": ["complete", "run", run, "--max_new_tokens", "4", "fn a"],
    }
    for name, words in list(commands.items())[: 1 if budget.is_short else None]:
        yield _each_call(work, budget, name, words)
    yield _full_disk(work, budget, fit)


def _prepare(work: _Workplace) -> None:
    base = write_base(work.folder / "base", positions=512, tokenizer=merging_tokenizer())
    repository = write_repository(work.folder / "numbers")
    write_config(work.folder, base, repository, work.watched / "cache", sequence_length=256)
    work.fresh(with_run=False)
    words = ["fit", "--config", "config.yaml", "--name=run", f"--output={work.watched / 'runs'}"]
    ended = work.run(words, 0, 0)
    assert ended.status == 0, ended.said
    shutil.copytree(work.watched, work.folder / "finished", symlinks=True)


def _each_call(work: _Workplace, budget: Budget, name: str, words: Sequence[str]) -> Row:
    """Return the row of a command whose calls fail one after the other, of which the short form tries some."""
    with_run = name != "fit"
    work.fresh(with_run=with_run)
    ended = work.run(words, 0, errno.EIO)
    assert ended.status == 0, ended.said
    calls = work.calls()
    draw = budget.random(name)
    places = sorted(draw.sample(range(1, calls + 1), min(calls, budget.count(_FULL, least=2))))
    failing = [(at, _ERRORS[index % 3]) for index, at in enumerate(places)]
    tried, held, failures = tally(_outcome(work, words, at, number, with_run=with_run) for at, number in failing)
    what = (
        f"{name}: one of its {calls} calls to open, write, sync or rename fails; status 2, 3 or 4 with a line, or all"
        " is done; nothing half-written"
    )
    return Row("faults", what, tried, held, _NOT_REACHED, failures=failures)


def _outcome(work: _Workplace, words: Sequence[str], at: int, number: int, *, with_run: bool) -> str:
    """Run a command whose call fails, and return what went wrong, if anything."""
    work.fresh(with_run=with_run)
    ended = work.run(words, at, number)
    wrong = _complaints(ended) + _half_states(work.watched)
    return f"{words[0]}, call {at}, {errno.errorcode[number]}: {', '.join(wrong)}" if wrong else ""


def _complaints(ended: Ended) -> list[str]:
    wrong = [] if ended.status in (0, 2, 3, 4) else [f"status {ended.status}: {' '.join(ended.said.split())[-250:]}"]
    wrong += ["a traceback"] if ended.has_traceback else []
    return wrong + ([f"{len(ended.errors)} lines of error"] if len(ended.errors) != bool(ended.status) else [])


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


def _full_disk(work: _Workplace, budget: Budget, fit: Sequence[str]) -> Row:
    """Return the row of a disk that is full from some call of a training on."""
    whole = what_is_left(work.folder / "finished/runs/run/version_0")
    work.fresh(with_run=False)
    work.run(fit, 0, errno.ENOSPC)
    calls = work.calls()
    draw = budget.random("full disk")
    places = [draw.randrange(calls // 3, calls + 1) for _ in range(budget.count(100))]
    tried, held, failures = tally(_on_full_disk(work, fit, at, whole) for at in places)
    what = (
        "fit: the disk is full from one call on; status 4, all checkpoints whole, and with room again it ends as if"
        " there had always been some"
    )
    return Row("faults", what, tried, held, _NOT_REACHED, failures=failures)


def _on_full_disk(work: _Workplace, fit: Sequence[str], at: int, whole: dict[str, object]) -> str:
    """Train until the disk is full, make room, go on, and return what went wrong, if anything."""
    work.fresh(with_run=False)
    ended = work.run(fit, at, errno.ENOSPC, lasting=True)
    wrong = _complaints(ended) + _half_states(work.watched)
    wrong += [] if ended.status in (0, 4) else [f"status {ended.status}"]
    resume = ["--ckpt_path=last"] if list(work.watched.glob("runs/run/*/checkpoints/last.ckpt")) else []
    again = work.run([*fit, *resume], 0, 0)
    if again.status:
        wrong.append(f"then status {again.status}: {' '.join(again.said.split())[-250:]}")
    else:
        runs = sorted((work.watched / "runs/run").glob("version_*"))
        left = what_is_left(runs[-1])
        wrong += [f"then other {name}" for name in whole if left[name] != whole[name]]
    return f"full from call {at}: {', '.join(wrong)}" if wrong else ""
