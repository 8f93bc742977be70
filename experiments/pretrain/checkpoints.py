"""What a checkpoint was made with, so that none is taken for another training's."""

import hashlib
from pathlib import Path
from typing import Any

import torch

from codelm.errors import InputError

Recipe = dict[str, float | str | None]
"""What decides how a run goes, by name."""
MADE_WITH = "made with"
"""Where a checkpoint holds it."""


def refuse_another(checkpoint: Path, wanted: Recipe) -> None:
    """Refuse to go on from a checkpoint that was made with something else; what it does not record does not count.

    Raises:
        InputError: It was.
    """
    there = recorded(checkpoint)
    if other := [name for name in wanted if name in there and there[name] != wanted[name]]:
        named = ", ".join(f"{name} {there[name]!s:.12} instead of {wanted[name]!s:.12}" for name in other)
        raise InputError(
            f"{checkpoint} was made with {named}: give what it was made with, or another --work,"
            f" or delete {checkpoint.parent} to begin anew"
        )


def recorded(checkpoint: Path) -> Recipe:
    """Return what a checkpoint says it was made with; an old one knows its rate alone."""
    there = facts(checkpoint)
    return {"rate": there["lr_schedulers"][0]["base_lrs"][0], **there.get(MADE_WITH, {})}


def weights(checkpoint: Path) -> str:
    """Return a digest of a checkpoint's weights: the same training stage, run again, writes a file of other bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(facts(checkpoint)["state_dict"].items()):
        digest.update(name.encode() + tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def reached(checkpoint: Path) -> int:
    """Return the step at which a checkpoint was written."""
    return int(facts(checkpoint)["global_step"])


def facts(checkpoint: Path) -> dict[str, Any]:
    """Return what a checkpoint holds; its weights stay on the disk.

    Raises:
        InputError: There is none.
    """
    if not checkpoint.exists():
        raise InputError(f"there is no checkpoint {checkpoint}: run the stage train first, or give its --work")
    return dict(torch.load(checkpoint, weights_only=False, mmap=True))
