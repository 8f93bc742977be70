"""Draw the validation loss of runs, base and tuned, from their manifests; the picture in docs/results.md is made so.

.venv/bin/python -m experiments.picture docs/validation-loss.svg runs/ripgrep/version_0 runs/tokio/version_0
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

from codelm.errors import InputError, one_line
from experiments.program import run_program

__all__ = ["main"]

_BASE, _TUNED = "#8a8f98", "#c2571a"


def _draw(axes: Any, phases: dict[str, Any]) -> None:
    """Draw the ``phase_results`` of a manifest: the base as a level, the tuned model as a line over the steps."""
    training = phases["phase_4_training"]
    base, tuned = (training["training_stats"][name] for name in ("base_val_loss", "final_val_loss"))
    steps = [0, *(epoch["step"] for epoch in training["history"])]
    losses = [base, *(epoch["val_loss"] for epoch in training["history"])]
    axes.axhline(base, color=_BASE, linestyle="--", label="base")
    axes.plot(steps, losses, color=_TUNED, marker="o", label="tuned")
    (repository,) = phases["phase_1_scrape"]["repositories"]
    axes.set_title(f"{repository['name']}: {base:.3f} to {tuned:.3f} ({tuned / base - 1:+.1%})", fontsize=10)
    axes.set_xlabel("optimizer steps")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_all(target: Path, runs: Sequence[Path]) -> None:
    """Draw all runs side by side into ``target``."""
    figure, panels = plt.subplots(1, len(runs), figsize=(3.6 * len(runs), 2.9), squeeze=False, layout="constrained")
    for axes, run in zip(panels[0], runs, strict=True):
        try:
            _draw(axes, json.loads((run / "MANIFEST.json").read_text(encoding="utf-8"))["phase_results"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"{run} holds no manifest of a finished run on one repository"
            raise InputError(f"{what}: {one_line(error)}") from error
    panels[0][0].set_ylabel("validation loss, nats per token")
    panels[0][0].legend(frameon=False)
    try:
        with plt.rc_context({"svg.hashsalt": "codelm"}):  # the same runs give the same file
            figure.savefig(target, metadata={"Date": None})
    except (OSError, ValueError) as error:
        raise InputError(f"{target} cannot be written: {one_line(error)}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the picture and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.picture", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", metavar="TARGET", type=Path, help="the picture's file, such as loss.svg")
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="a run's folder, with its MANIFEST.json")
    options = parser.parse_args(arguments)
    return run_program("experiments.picture", lambda: _draw_all(options.target, options.runs))


if __name__ == "__main__":
    sys.exit(main())
