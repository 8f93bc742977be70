"""Damaged files: what a run, its store and its base hold is refused or made anew, and never used as something else."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from codelm.bases.tokenizer import load_tokenizer
from codelm.export.gguf_model import write_gguf
from codelm.export.read_back import probe_logits, read_gguf
from codelm.export.source import find_source
from codelm.export.weights import merged_model
from codelm.export.writers import Options, _write_and_compare
from codelm.history.store import open_store
from codelm.inference.tuned_model import load_tuned
from codelm.modules.resume_checks import refuse_other_settings
from codelm.runs.checkpoint_io import AtomicCheckpointIO
from codelm.runs.checkpoints import checkpoint_file
from codelm.saved_run import SavedRun
from experiments.torture.finished_run import Finished, finished_run, manifest_uses
from experiments.torture.guards import taken_out
from experiments.torture.harm import HARMS, files_of, flipped, harmed, outcome
from experiments.torture.rows import Budget, Row, tally, until_bad

__all__ = ["rows"]

_FLIPS, _FLIPS_WITHOUT = 1000, 400
_ROUNDING = 1e-3
"""The largest difference of a logit in a GGUF file of 32 bits."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """Something that is damaged.

    Attributes:
        name: What it is.
        files: Its files.
        use: Uses it, and returns whether it is what it was before.
        guard: What keeps it from being used.
        other: The folder of another that has its files, too, by their places.
        folder: Its own folder.
        harms: What is done to it beside flipped bits.
        other_guard: What keeps it from being used after those, where that is another guard.
    """

    name: str
    files: list[Path]
    use: Callable[[], bool]
    guard: str
    folder: Path
    other: Path
    harms: tuple[str, ...] = HARMS
    other_guard: str = ""


def rows(budget: Budget) -> Iterator[Row]:
    """Yield two rows for each subject: flipped bits, and all other harm."""
    one, other = (finished_run(budget.scratch / f"damage-{seed}", seed=seed) for seed in (1, 2))
    for subject in _subjects(one, other):
        yield _flips(subject, budget)
        yield _other_harm(subject, budget)


def _subjects(one: Finished, other: Finished) -> list[_Subject]:
    (store,), (other_store,) = ([path.parent for path in each.cache.glob("*/sums.txt")] for each in (one, other))
    copied = other.run.parent / store.name
    shutil.copytree(other_store, copied)
    checkpoint = one.run / "checkpoints" / "last.ckpt"
    content = _checkpoint(checkpoint)
    decisive = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    adapter, weights = one.run / "adapter", other.run / "adapter"
    return [
        _Subject("store", files_of(store), lambda: not open_store(store), "the store's checksums", store, copied),
        _Subject(
            "checkpoint",
            [checkpoint],
            lambda: _resumes_as(content, _checkpoint(checkpoint)),
            "the checkpoint's checksums",
            checkpoint.parent,
            other.run / "checkpoints",
        ),
        _Subject(
            "adapter, by serve and complete",
            files_of(adapter),
            lambda: not load_tuned(SavedRun(one.run), str(one.base)),
            "the adapter's checksums",
            adapter,
            weights,
        ),
        _Subject(
            "adapter, by export",
            files_of(adapter),
            lambda: not find_source(SavedRun(one.run), str(one.base)),
            "the adapter's checksums",
            adapter,
            weights,
        ),
        _Subject(
            "base, by serve and complete",
            files_of(one.base, decisive),
            lambda: not load_tuned(SavedRun(one.run), str(one.base)),
            "the base's identity",
            one.base,
            other.base,
        ),
        _gguf(one, other),
        *(
            _Subject(
                f"manifest, by {name}",
                [one.run / "MANIFEST.json"],
                use,
                "the manifest's checksum",
                one.run,
                other.run,
                other_guard="the adapter's checksums",
            )
            for name, use in manifest_uses(one, other, store).items()
        ),
    ]


def _gguf(one: Finished, other: Finished) -> _Subject:
    """Return the subject of a GGUF file that is damaged before an export reads it back."""
    source, folder = find_source(SavedRun(one.run), str(one.base)), one.run.parent / "written"
    model, options = merged_model(source, torch.float32, exact=False), Options("gguf", type="f32")
    written = folder / "model.gguf"
    for each, where in (
        (source, folder),
        (find_source(SavedRun(other.run), str(other.base)), other.run.parent / "written"),
    ):
        where.mkdir()
        weights = merged_model(each, torch.float32, exact=False)
        write_gguf(where / written.name, weights, load_tokenizer(each.base), "f32", {"name": "x", "base": "y"})
    wanted = probe_logits(model)
    file = one.run.parent / "copy.gguf"

    def use() -> bool:
        with patch("codelm.export.writers.write_gguf", lambda to, *_: shutil.copy(written, to)):
            _write_and_compare(source, model, options, file)
        found = probe_logits(read_gguf(file, model.config, source.attention))
        return bool((found - wanted).abs().max() <= _ROUNDING)

    name = "GGUF, before an export reads it back"
    elsewhere, harms = other.run.parent / "written", ("cut", "emptied", "of another")
    return _Subject(name, [written], use, "the comparison of logits", folder, elsewhere, harms)


def _checkpoint(path: Path) -> Any:
    """Return a checkpoint's content as a training that goes on reads it."""
    return AtomicCheckpointIO().load_checkpoint(str(checkpoint_file(str(path), Path("/nowhere"), "run")))


def _resumes_as(wanted: Any, found: Any) -> bool:
    """Return whether a training that goes on from a checkpoint goes on as from another; it refuses other settings."""
    refuse_other_settings(found["settings"], wanted["settings"])
    return _equal(found, wanted)


def _equal(one: Any, other: Any) -> bool:
    """Return whether two checkpoints hold the same."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other) and type(one) is type(other)


def _flips(subject: _Subject, budget: Budget) -> Row:
    """Return the row of flipped bits."""
    tried, held, failures = tally(_flipped(subject, budget.count(_FLIPS, least=len(subject.files)), budget))
    with taken_out(subject.guard):
        without = tally(until_bad(_flipped(subject, _FLIPS_WITHOUT, budget)))
    what = f"{subject.name}: bits of a byte flipped in one of {len(subject.files)} files; refused, or read as it was"
    return Row("damage", what, tried, held, "", subject.guard, without[0], without[1], failures)


def _flipped(subject: _Subject, count: int, budget: Budget) -> Iterator[str]:
    draw = budget.random(f"flips {subject.name}")
    for file, _ in zip(cycle(subject.files), range(count), strict=False):
        with flipped(file, draw) as what:
            yield outcome(what, subject.use)


def _other_harm(subject: _Subject, budget: Budget) -> Row:
    """Return the row of all other harm, done to each file."""
    tried, held, failures = tally(_harmed(subject, budget))
    guard = subject.other_guard or subject.guard
    with taken_out(guard):
        without = tally(until_bad(_harmed(subject, budget)))
    what = f"{subject.name}: each file {', '.join(subject.harms)} run; refused, or read as it was"
    return Row("damage", what, tried, held, "", guard, without[0], without[1], failures)


def _harmed(subject: _Subject, budget: Budget) -> Iterator[str]:
    draw = budget.random(f"harm {subject.name}")
    for file in subject.files:
        other = subject.other / file.relative_to(subject.folder)
        for how in subject.harms:
            if how == "of another" and (not other.is_file() or other.read_bytes() == file.read_bytes()):
                continue
            with harmed(file, how, draw, other) as what:
                yield outcome(what, subject.use)
