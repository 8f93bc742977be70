"""What a user wants to know at the end: was it worth it, what does it write now, and where does everything lie."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse.typing import PositiveInt
from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.callbacks.behavior import base_and_saved
from codelm.callbacks.evaluation import Evaluation
from codelm.callbacks.manifest import FILE, Manifest
from codelm.errors import InputError
from codelm.report.display import printable, side_by_side
from codelm.report.outline import lines as outline_lines
from codelm.runs.figures import REPORT
from codelm.runs.outcome import saved_step
from codelm.runs.trainer import companion, run_folder, writes


class Summary(Callback):
    """Prints the result when training ends or is stopped: validation loss and a completion, base against tuned.

    Says what `Manifest` has written; list it behind that.

    Args:
        width: Characters of a column of the completions.
        lines: Lines of the completions at most.
    """

    def __init__(self, width: PositiveInt = 56, lines: PositiveInt = 16) -> None:
        self.width = width
        self.lines = lines

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a list of callbacks in which the result is printed before it was written.

        Raises:
            InputError: `Manifest` stands behind this, or is missing.
        """
        callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
        if not any(isinstance(callback, Manifest) for callback in callbacks[: callbacks.index(self)]):
            raise InputError(
                "trainer.callbacks lists Summary without Manifest before it, whose numbers it prints: add it"
            )

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the result."""
        self.print(trainer)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print what the evaluation of a checkpoint found."""
        evaluation = companion(trainer, Evaluation)
        if evaluation is not None and evaluation.figures is not None:
            report = [f"{'report':<15}{evaluation.folder / REPORT}"] if evaluation.folder is not None else []
            lines = [*evaluated({"evaluation": evaluation.figures}), "", *report]
            sys.stdout.write("\n".join([*lines, ""]))
            sys.stdout.flush()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Print what there is if the run was stopped; a failure speaks for itself."""
        if not isinstance(exception, Exception):
            self.print(trainer)

    def print(self, trainer: Trainer) -> None:
        """Print what the manifest says."""
        manifest = companion(trainer, Manifest)
        if writes(trainer) and manifest is not None and manifest.content:
            lines = [
                *ended(manifest.content),
                *numbers(manifest.content),
                *evaluated(manifest.content),
                *completion(manifest.content, saved_step(trainer), self.width, self.lines),
            ]
            sys.stdout.write("\n".join(["", *lines, *places(run_folder(trainer)), ""]))
            sys.stdout.flush()


def numbers(content: Mapping[str, Any]) -> list[str]:
    """Return the lines about loss and perplexity; a line is left out where its number is unknown."""
    stats = content["phase_results"]["phase_4_training"]["training_stats"]
    base, tuned = stats["base_val_loss"], stats["final_val_loss"]
    state = "" if content["status"] == "completed" else f" ({content['status']})"
    found = []
    if tuned is not None:
        found.append(f"val loss       {change(base, tuned)}{state}")
    if stats["final_perplexity"] is not None:
        found.append(f"perplexity     {change(stats['base_perplexity'], stats['final_perplexity'])}")
    minutes = f"{stats['training_time_minutes']:.1f} minutes"
    if stats["best_epoch"] is not None:
        return [*found, f"best epoch     {stats['best_epoch']} of {epochs(content)}, {minutes}"]
    what = "of weights that no validation has seen" if epochs(content) else "stopped before the first validation"
    return [*found, f"training       {what}, {minutes}"]


def evaluated(content: Mapping[str, Any]) -> list[str]:
    """Return the lines about what the evaluation found."""
    found = content.get("evaluation")
    if not found or "unfinished" in found:
        return []
    return ["", *outline_lines(found), *(f"note           {note}" for note in found["notes"])]


def ended(content: Mapping[str, Any]) -> list[str]:
    """Return the line about a run that ended before its epochs did."""
    return [f"ended early    {content['reason']}"] if content.get("reason") else []


def epochs(content: Mapping[str, Any]) -> int:
    """Return the number of epochs that were measured."""
    return max((moment["epoch"] for moment in content["phase_results"]["phase_4_training"]["history"]), default=0)


def change(base: float | None, tuned: float) -> str:
    """Return two numbers and how far the second lies from the first.

    >>> change(2.0, 1.5), change(None, 1.5)
    ('base 2.0000 -> tuned 1.5000 (-25.0 %)', 'tuned 1.5000')
    """
    if not base:
        return f"tuned {tuned:.4f}"
    return f"base {base:.4f} -> tuned {tuned:.4f} ({100 * (tuned - base) / base:+.1f} %)"


def completion(content: Mapping[str, Any], step: int | None, width: int, lines: int) -> list[str]:
    """Return one prompt's completions beside each other: the base's, and those of the weights saved at a step."""
    found = base_and_saved((content["behavior"] or {}).get("evaluations", []), step)
    if found is None:
        return []
    pairs = list(zip(found[0]["completions"], found[1]["completions"], strict=True))
    base, tuned = pairs[first_difference(pairs)]
    heads = ("base", f"tuned, epoch {found[1]['epoch']}")
    shown = side_by_side(heads, (base["prompt"] + base["text"], tuned["prompt"] + tuned["text"]), width)
    more = ["..."] if len(shown) > lines + 2 else []
    prompt = " ".join(printable(base["prompt"]).split())
    return ["", f"completion of `{prompt}`", "", *shown[: lines + 2], *more]


def first_difference(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> int:
    """Return the first pair whose texts differ: by the prompts' order, never by which flatters the tuned model."""
    return next((index for index, (base, tuned) in enumerate(pairs) if base["text"] != tuned["text"]), 0)


def places(folder: Path) -> list[str]:
    """Return the lines about where things lie; those that are not there are left out."""
    found = [("report", folder / REPORT), ("adapter", folder / "adapter"), ("manifest", folder / FILE)]
    lines = [f"{name:<15}{path}" for name, path in found if path.exists()]
    return ["", *lines, f"curves         tensorboard --logdir {folder.parent}"]
