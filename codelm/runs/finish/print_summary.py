"""The summary printed after training: losses, one completion, and the paths of the results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from codelm.report.outline import lines as outline_lines
from codelm.report.printable_text import printable, side_by_side
from codelm.report.refresh import refresh_texts
from codelm.runs.checkpoints import saved_step
from codelm.runs.figures import REPORT, base_and_saved
from codelm.runs.finish.step import FinishingStep
from codelm.runs.manifest_content import MANIFEST_FILE
from codelm.runs.standard_output import print_result
from codelm.runs.trainer import run_folder, writes_files

__all__ = ["PrintSummary", "completion_lines", "evaluation_lines", "loss_lines", "refresh_lines"]


class PrintSummary(FinishingStep):
    """Prints the result of a training that ended or was stopped: validation loss and a completion, base against tuned.

    The numbers are those of the manifest that was written last.

    Args:
        width: Characters of a column of the completions.
        lines: Lines of the completions at most.
    """

    def __init__(self, width: int = 56, lines: int = 16) -> None:
        self.width = width
        self.lines = lines

    def finish(self, trainer: Trainer, pl_module: Any) -> None:
        """Print the result."""
        content = self.record.manifest
        if writes_files(trainer) and content:
            lines = [
                *_ended(content),
                *loss_lines(content),
                *refresh_lines(content),
                *evaluation_lines(content),
                *completion_lines(content, saved_step(self.record, trainer), self.width, self.lines),
            ]
            print_result("\n".join(["", *lines, *_places(run_folder(trainer)), ""]))

    def abort(self, trainer: Trainer, pl_module: Any, error: BaseException) -> None:
        """Print what there is if the run was stopped; a failure is reported as an error."""
        if not isinstance(error, Exception):
            self.finish(trainer, pl_module)


def loss_lines(content: Mapping[str, Any]) -> list[str]:
    """Return the lines about loss and perplexity; a line is left out where its number is unknown."""
    stats = content["phase_results"]["phase_4_training"]["training_stats"]
    base, tuned = stats["base_val_loss"], stats["final_val_loss"]
    state = "" if content["status"] == "completed" else f" ({content['status']})"
    found = []
    if tuned is not None:
        found.append(f"val loss       {_change(base, tuned)}{state}")
    if stats["final_perplexity"] is not None:
        found.append(f"perplexity     {_change(stats['base_perplexity'], stats['final_perplexity'])}")
    minutes = f"{stats['training_time_minutes']:.1f} minutes"
    if stats["best_epoch"] is not None:
        return [*found, f"best epoch     {stats['best_epoch']} of {_epochs(content)}, {minutes}"]
    what = "of weights that no validation has seen" if _epochs(content) else "stopped before the first validation"
    if content["adapter"]["weights"] == "first":
        what = "of an adapter that was not kept"
    return [*found, f"training       {what}, {minutes}"]


def refresh_lines(content: Mapping[str, Any]) -> list[str]:
    """Return the lines about the adapter that the training began with; none for a training of a new adapter."""
    if not content.get("refresh"):
        return []
    compared, kept = refresh_texts(content["refresh"], content["refreshed_from"][-1]["run"])
    return [f"refresh        {compared}", f"kept           {kept}"]


def evaluation_lines(content: Mapping[str, Any]) -> list[str]:
    """Return the lines about the results of the evaluation."""
    found = content.get("evaluation")
    if not found or "unfinished" in found:
        return []
    return ["", *outline_lines(found), *(f"note           {note}" for note in found["notes"])]


def _ended(content: Mapping[str, Any]) -> list[str]:
    """Return the line about a run that ended before its epochs did, or of which a finishing step failed."""
    how = "ended early" if content["status"] == "completed" else content["status"]
    return [f"{how:<15}{content['reason']}"] if content.get("reason") else []


def _epochs(content: Mapping[str, Any]) -> int:
    """Return the number of epochs that were measured."""
    return max((each["epoch"] for each in content["phase_results"]["phase_4_training"]["history"]), default=0)


def _change(base: float | None, tuned: float) -> str:
    """Return two numbers and how far the second lies from the first."""
    if not base:
        return f"tuned {tuned:.4f}"
    return f"base {base:.4f} -> tuned {tuned:.4f} ({100 * (tuned - base) / base:+.1f} %)"


def completion_lines(content: Mapping[str, Any], step: int | None, width: int, lines: int) -> list[str]:
    """Return one prompt's completions beside each other, the base's and the tuned model's, as lines.

    Args:
        content: The manifest.
        step: The optimizer step of the weights that were saved; None for the last.
        width: Columns of the terminal.
        lines: Lines of a completion at most.
    """
    found = base_and_saved((content["behavior"] or {}).get("evaluations", []), step)
    if found is None:
        return []
    pairs = list(zip(found[0]["completions"], found[1]["completions"], strict=True))
    base, tuned = pairs[_first_difference(pairs)]
    heads = ("base", f"tuned, epoch {found[1]['epoch']}")
    shown = side_by_side(heads, (base["prompt"] + base["text"], tuned["prompt"] + tuned["text"]), width)
    more = ["..."] if len(shown) > lines + 2 else []
    prompt = " ".join(printable(base["prompt"]).split())
    return ["", f"completion of `{prompt}`", "", *shown[: lines + 2], *more]


def _first_difference(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> int:
    """Return the first pair whose texts differ: by the prompts' order, never by which flatters the tuned model."""
    return next((index for index, (base, tuned) in enumerate(pairs) if base["text"] != tuned["text"]), 0)


def _places(folder: Path) -> list[str]:
    """Return the lines about where things lie; those that are not there are left out."""
    found = [("report", folder / REPORT), ("adapter", folder / "adapter"), ("manifest", folder / MANIFEST_FILE)]
    lines = [f"{name:<15}{path}" for name, path in found if path.exists()]
    return ["", *lines, f"curves         tensorboard --logdir {folder.parent}"]
