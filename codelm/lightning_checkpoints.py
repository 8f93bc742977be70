"""What a checkpoint of Lightning says of where a run is, so that Lightning goes on from it as it should.

Written against lightning 2.6, which documents none of it; `CHECKPOINT_KEYS` lists the keys.
"""

from typing import Any

__all__ = ["CHECKPOINT_KEYS", "count_in_other_batches", "rewind_to_whole_step", "settle"]

_EPOCHS = "epoch_progress"
_STEPS = "epoch_loop.automatic_optimization.optim_progress"
_BATCHES = "epoch_loop.batch_progress"
_VALIDATION_BATCHES = "epoch_loop.val_loop.batch_progress"
CHECKPOINT_KEYS = (_EPOCHS, _STEPS, _BATCHES, _VALIDATION_BATCHES)
"""Keys of ``checkpoint["loops"]["fit_loop"]``."""


def _batches(checkpoint: dict[str, Any], accumulate: int) -> tuple[int, int]:
    """Return how many batches of its epoch a checkpoint has learned, and how many up to its last optimizer step."""
    loop = checkpoint["loops"]["fit_loop"]
    ready, steps = loop[_BATCHES]["current"]["ready"], loop[_STEPS]["optimizer"]["step"]["current"]["completed"]
    return ready, min(steps * accumulate, ready)  # an epoch's last step may have fewer batches


def rewind_to_whole_step(checkpoint: dict[str, Any], accumulate: int) -> None:
    """Let a checkpoint that was saved within an optimizer step go on behind the last whole one.

    Args:
        checkpoint: Changed in place. Its ``settings`` say how many batches of its own made a step.
        accumulate: How many make one now, with the same rows; the checkpoint counts these from here on.
    """
    own = checkpoint.get("settings", {}).get("trainer.accumulate_grad_batches", accumulate)
    ready, done = _batches(checkpoint, own)
    if done < ready:
        settle(checkpoint, own, validates=False)
    count_in_other_batches(checkpoint, own, accumulate)


def settle(checkpoint: dict[str, Any], accumulate: int, *, validates: bool) -> None:
    """Let a checkpoint say in one of two ways where the run is, both of which Lightning goes on from as it should.

    Either an epoch is over, or a number of its batches is learned, to the end of an optimizer step. Lightning 2.6 has
    many more: from some it trains batches twice, skips a validation or an epoch, or counts on from a wrong number.

    Args:
        checkpoint: Changed in place.
        accumulate: Batches of an optimizer step.
        validates: Whether a validation behind the last batch is still to be done, or to be done anew.
    """
    loop = checkpoint["loops"]["fit_loop"]
    epochs, batches, validation = loop[_EPOCHS], loop[_BATCHES], loop[_VALIDATION_BATCHES]
    (ready, done), total = _batches(checkpoint, accumulate), batches["total"]["ready"]
    is_over = batches["is_last_batch"] and done == ready and not validates
    if is_over and epochs["current"]["processed"] == epochs["current"]["ready"]:
        for counts in epochs.values():
            _set_all(counts, counts["ready"])
        batches["is_last_batch"] = False
        _set_all(batches["current"], 0)
    else:
        for counts in epochs.values():
            counts |= dict.fromkeys(("processed", "completed"), max(counts["ready"] - 1, 0))
            counts["started"] = counts["ready"]
        batches["is_last_batch"] = batches["is_last_batch"] and done == ready
        _set_all(batches["current"], done)
    _set_all(batches["total"], total - (ready - done))
    validation["is_last_batch"] = False
    for counts in (validation["current"], validation["total"]):
        _set_all(counts, 0)
    if validates and done == ready:  # begun, with no batch done
        validation["total"] |= {"ready": 1, "started": 1}


def count_in_other_batches(checkpoint: dict[str, Any], before: int, after: int) -> None:
    """Let a checkpoint at the end of an optimizer step count batches of another size; others it is of no use for.

    Args:
        checkpoint: Changed in place.
        before: Batches of an optimizer step by which it counts.
        after: Batches of one, with the same rows, by which it is to count.
    """
    for counts in checkpoint["loops"]["fit_loop"][_BATCHES].values():
        if isinstance(counts, dict):
            counts |= {name: -(-count * after // before) for name, count in counts.items()}


def _set_all(progress: dict[str, int], count: int) -> None:
    """Set all counts of a progress to ``count``."""
    progress |= dict.fromkeys(progress, count)
