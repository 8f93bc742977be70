"""A run in TensorBoard: the plots one wants first, its settings beside its results, and what the evaluation found."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from codelm.report.outline import outline
from codelm.report.printable_text import table

__all__ = ["arrange", "log_evaluation"]

_PLOTS = {
    "nats per token": ["train/loss", "val/loss", "val/base_loss"],
    "general code forgotten, percent": ["general/forgetting_percent"],
    "bits per byte of each held-out commit": ["held_out_commits/base", "held_out_commits/tuned"],
}
"""The plots on the page "Custom Scalars"; without an evaluation the first alone has anything to show."""
_RESULTS = (
    "val/loss",
    "evaluation/likelihood/new/tuned",
    "evaluation/likelihood/new/change_percent",
    "evaluation/cursor/rest_of_line/tuned/bits_per_byte",
    "evaluation/cursor/inside_line/tuned/bits_per_byte",
    "evaluation/general/forgetting_percent",
)
"""The scalars on the page "HParams": the last value of each stands beside the run's settings."""
_GROUPS = ("model.", "data.", "trainer.", "seed_everything")
"""The settings there."""

_DESCRIPTION = frozenset({"codelm_evaluation", "run"})
"""Parts of the figures that describe the run and whose numbers are no metrics."""


def arrange(logger: TensorBoardLogger, settings: Mapping[str, Any]) -> None:
    """Write a run's settings, and which of its scalars stand beside them and are plotted first.

    Args:
        logger: The logger of the run.
        settings: The settings by their full names; those that are a number, a text or a switch are shown.
    """
    writer: Any = logger.experiment
    plots = list(_PLOTS.items())[: 1 if settings.get("evaluation.enabled") is False else None]
    writer.add_custom_scalars({"run": {title: ["Multiline", names] for title, names in plots}})
    shown = {
        name: str(value).lower() if isinstance(value, bool) else value  # torch would write a number
        for name, value in settings.items()
        if name.startswith(_GROUPS) and isinstance(value, int | float | str)
    }
    # Lightning would log each result as -1 to begin with.
    for summary in hparams(shown, dict.fromkeys(_RESULTS, 0.0)):  # type: ignore[no-untyped-call]
        writer.file_writer.add_summary(summary)


def log_evaluation(trainer: Trainer, figures: Mapping[str, Any], step: int) -> None:
    """Write an evaluation to the loggers, at the step of the weights that were evaluated."""
    results = {name: value for name, value in outline(figures).items() if name not in _DESCRIPTION}
    for logger in trainer.loggers:
        logger.log_metrics(_scalars(results, "evaluation"), step)
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            _add_commits(logger.experiment, figures)
            _add_tables(logger.experiment, figures, step)


def _scalars(figures: Mapping[str, Any], prefix: str) -> dict[str, float]:
    """Return the numbers among the figures by their path, also both ends of each interval."""
    found: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, Mapping):
            found |= _scalars(value, f"{prefix}/{name}")
        elif name == "interval" and value is not None:
            found |= _scalars(dict(zip(("low", "high"), value, strict=True)), f"{prefix}/{name}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}/{name}"] = float(value)
    return found


def _add_commits(writer: Any, figures: Mapping[str, Any]) -> None:
    """Write the bits per byte of the held-out commits as scalars; the steps number them in order."""
    for number, commit in enumerate((figures["likelihood"] or {}).get("by_commit", [])):
        for name in ("base", "tuned"):
            writer.add_scalar(f"held_out_commits/{name}", commit[name], number)


def _add_tables(writer: Any, figures: Mapping[str, Any], step: int) -> None:
    """Write the best and the worst infill tasks, and the idioms that differ most, as tables."""
    for end in ("best", "worst"):
        rows = (figures["holes"] or {}).get(end, [])
        if rows:
            cells = [[f"{row['path']}:{row['line']}", row["real"], row["base"], row["tuned"]] for row in rows]
            writer.add_text(f"holes/{end}", table(["hole", "real", "base", "tuned"], cells), step)
    strip = (figures["idioms"] or {}).get("strip", [])
    if strip:
        cells = [[row["idiom"], *(f"{row[name]:.1f}" for name in ("repository", "base", "tuned"))] for row in strip]
        writer.add_text("idioms", table(["idiom, per 100 functions", "repository", "base", "tuned"], cells), step)
