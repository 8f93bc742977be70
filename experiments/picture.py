#!/usr/bin/env python3
"""Draw the validation loss of runs, base and tuned, from their manifests; the picture in docs/results.md is made so.

.venv/bin/python -m experiments.picture docs/validation-loss.svg runs/ripgrep/version_0 runs/tokio/version_0
"""

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

BASE, TUNED = "#8a8f98", "#c2571a"


def draw(axes: Any, manifest: dict[str, Any]) -> None:
    """Draw one run: the base as a level, the tuned model as a line over the steps."""
    training = manifest["phase_results"]["phase_4_training"]
    base, tuned = (training["training_stats"][name] for name in ("base_val_loss", "final_val_loss"))
    steps = [0, *(epoch["step"] for epoch in training["history"])]
    losses = [base, *(epoch["val_loss"] for epoch in training["history"])]
    axes.axhline(base, color=BASE, linestyle="--", label="base")
    axes.plot(steps, losses, color=TUNED, marker="o", label="tuned")
    (repository,) = manifest["phase_results"]["phase_1_scrape"]["repositories"]
    axes.set_title(f"{repository['name']}: {base:.3f} to {tuned:.3f} ({tuned / base - 1:+.1%})", fontsize=10)
    axes.set_xlabel("optimizer steps")
    axes.spines[["top", "right"]].set_visible(False)


def main(target: str, *runs: str) -> None:
    """Draw all runs side by side into ``target``."""
    plt.rcParams["svg.hashsalt"] = "codelm"  # the same runs give the same file
    figure, panels = plt.subplots(1, len(runs), figsize=(3.6 * len(runs), 2.9), squeeze=False, layout="constrained")
    for axes, run in zip(panels[0], runs, strict=True):
        draw(axes, json.loads((Path(run) / "MANIFEST.json").read_text(encoding="utf-8")))
    panels[0][0].set_ylabel("validation loss, nats per token")
    panels[0][0].legend(frameon=False)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
