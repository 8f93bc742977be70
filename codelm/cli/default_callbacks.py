"""The callbacks of a command."""

from collections.abc import Sequence

from jsonargparse import Namespace
from lightning.pytorch.callbacks import Callback, ProgressBar

from codelm.callbacks import (
    BehavioralEvaluation,
    CheckpointReport,
    MemoryPeaks,
    Predictions,
    Progress,
    SaveWhenStopped,
    TokensPerSecond,
    recording_callbacks,
)
from codelm.callbacks.recording import RecordingCallback
from codelm.runs.record import RunRecord

__all__ = ["default_callbacks"]


def default_callbacks(given: Sequence[Callback], settings: Namespace, *, predicts: bool, quiet: bool) -> list[Callback]:
    """Return the callbacks of a command: the user's, and ours where the user lists none of the same class.

    Those that write to the run's record stand in our order, in which they depend on each other.

    Args:
        given: The user's callbacks.
        settings: All settings of the command.
        predicts: Whether the command completes prompts.
        quiet: Whether to print neither progress nor a summary.
    """
    record = RunRecord()
    recording: list[RecordingCallback] = [
        BehavioralEvaluation(**settings.behavior, record=record),
        *recording_callbacks(record, settings.evaluation, summary=not quiet),
        CheckpointReport(settings.evaluation, record, summary=not quiet),
    ]
    theirs = {type(one): one for one in given if isinstance(one, RecordingCallback) and one.is_configured}
    recording = [theirs.get(type(ours), ours) for ours in recording]
    for one in recording:
        one.attach(record)
    others: list[Callback] = [TokensPerSecond(), MemoryPeaks(), SaveWhenStopped()]
    if not (quiet or any(isinstance(one, ProgressBar) for one in given)):
        others.append(Progress())
    if predicts:
        others.append(Predictions(settings.behavior.language))
    kept = [one for one in given if not isinstance(one, RecordingCallback)]
    kinds = {type(one) for one in kept}
    return [*kept, *(one for one in others if type(one) not in kinds), *recording]
