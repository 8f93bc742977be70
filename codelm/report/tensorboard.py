"""An evaluation on TensorBoard: its figures as scalars, its curve over commits, and the holes to look at."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from codelm.report.display import table
from codelm.report.outline import outline

NO_FINDINGS = frozenset({"codelm_evaluation", "run"})
"""Parts of the figures that tell what they are, and whose numbers no curve should be drawn of."""


def show(trainer: Trainer, figures: Mapping[str, Any], step: int) -> None:
    """Write an evaluation to the loggers, at the step of the weights that were examined."""
    found = {name: value for name, value in outline(figures).items() if name not in NO_FINDINGS}
    for logger in trainer.loggers:
        logger.log_metrics(scalars(found, "evaluation"), step)
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            curve(logger.experiment, figures)
            texts(logger.experiment, figures, step)


def scalars(figures: Mapping[str, Any], prefix: str) -> dict[str, float]:
    """Return the numbers of figures by their path, the ends of an interval among them.

    >>> scalars({"general": {"base": 1.0, "tuned": 1.1}, "notes": ["a"]}, "evaluation")
    {'evaluation/general/base': 1.0, 'evaluation/general/tuned': 1.1}
    >>> scalars({"interval": [-8.5, -2.5]}, "evaluation/new")
    {'evaluation/new/interval/low': -8.5, 'evaluation/new/interval/high': -2.5}
    """
    found: dict[str, float] = {}
    for name, value in figures.items():
        if isinstance(value, Mapping):
            found |= scalars(value, f"{prefix}/{name}")
        elif name == "interval" and value is not None:
            found |= scalars(dict(zip(("low", "high"), value, strict=True)), f"{prefix}/{name}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}/{name}"] = float(value)
    return found


def curve(board: Any, figures: Mapping[str, Any]) -> None:
    """Draw bits per byte over the held-out commits, in the order of the history; the steps are the commits' numbers."""
    for number, commit in enumerate((figures["likelihood"] or {}).get("by_commit", [])):
        for name in ("base", "tuned"):
            board.add_scalar(f"held_out_commits/{name}", commit[name], number)


def texts(board: Any, figures: Mapping[str, Any], step: int) -> None:
    """Show the best and the worst holes, and the idioms that differ most."""
    for end in ("best", "worst"):
        rows = (figures["holes"] or {}).get(end, [])
        if rows:
            cells = [[f"{row['path']}:{row['line']}", row["real"], row["base"], row["tuned"]] for row in rows]
            board.add_text(f"holes/{end}", table(["hole", "real", "base", "tuned"], cells), step)
    strip = (figures["idioms"] or {}).get("strip", [])
    if strip:
        cells = [[row["idiom"], *(f"{row[name]:.1f}" for name in ("repository", "base", "tuned"))] for row in strip]
        board.add_text("idioms", table(["idiom, per 100 functions", "repository", "base", "tuned"], cells), step)
