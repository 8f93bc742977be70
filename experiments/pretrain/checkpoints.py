"""The recipe recorded in a checkpoint, so that no training goes on from another training's checkpoint."""

import hashlib
from pathlib import Path
from typing import Any

import torch

from codelm.errors import InputError

__all__ = ["MADE_WITH", "Recipe", "digest_of_weights", "recorded_recipe", "refuse_other_recipe", "step_of"]

Recipe = dict[str, float | str | None]
"""The settings and the digests of the data that decide how a run goes, by name."""
MADE_WITH = "made with"
"""The key of the recipe in a checkpoint."""


def refuse_other_recipe(checkpoint: Path, wanted: Recipe) -> None:
    """Raise `InputError` where a checkpoint records another recipe; what it does not record does not count."""
    recorded = recorded_recipe(checkpoint)
    if other := [name for name in wanted if name in recorded and recorded[name] != wanted[name]]:
        named = ", ".join(f"{name} {recorded[name]!s:.12} instead of {wanted[name]!s:.12}" for name in other)
        raise InputError(
            f"{checkpoint} was made with {named}: give what it was made with, or another --work,"
            f" or delete {checkpoint.parent} to begin anew"
        )


def recorded_recipe(checkpoint: Path) -> Recipe:
    """Return the recipe that a checkpoint records; an old checkpoint records the learning rate alone."""
    content = _load_checkpoint(checkpoint)
    return {"rate": content["lr_schedulers"][0]["base_lrs"][0], **content.get(MADE_WITH, {})}


def digest_of_weights(checkpoint: Path) -> str:
    """Return the SHA-256 of a checkpoint's weights: the same training, run again, writes a file of other bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(_load_checkpoint(checkpoint)["state_dict"].items()):
        digest.update(name.encode() + tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def step_of(checkpoint: Path) -> int:
    """Return the optimizer step at which a checkpoint was written."""
    return int(_load_checkpoint(checkpoint)["global_step"])


def _load_checkpoint(checkpoint: Path) -> dict[str, Any]:
    """Return the content of a checkpoint; its weights stay on the disk."""
    if not checkpoint.exists():
        raise InputError(f"there is no checkpoint {checkpoint}: run the stage train first, or give its --work")
    return dict(torch.load(checkpoint, weights_only=False, mmap=True))
