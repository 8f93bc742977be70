"""The callbacks of a command."""

from collections.abc import Sequence

from jsonargparse import Namespace
from lightning.pytorch.callbacks import Callback, ProgressBar

from codelm.callbacks import (
    BaseReference,
    BehavioralEvaluation,
    CheckpointReport,
    FinishRun,
    Forgetting,
    Lineage,
    Manifest,
    MemoryPeaks,
    MemoryTrial,
    Predictions,
    Progress,
    SaveWhenStopped,
    TimeLimit,
    TokensPerSecond,
    TrainingHistory,
)
from codelm.callbacks.recording import RecordingCallback
from codelm.runs.finish import default_steps
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
    evaluation = settings.evaluation
    every = evaluation.every_n_epochs if evaluation.enabled else 0
    record = RunRecord()
    recording: list[RecordingCallback] = [
        TimeLimit(record),
        BehavioralEvaluation(**settings.behavior, record=record),
        BaseReference(record),
        TrainingHistory(record),
        Lineage(record),
        Manifest(record),
        Forgetting(every, evaluation.batch_size, evaluation.seed, record),
        FinishRun(default_steps(evaluation, summary=not quiet), record),
        CheckpointReport(evaluation, summary=not quiet, record=record),
    ]
    theirs = {type(one): one for one in given if isinstance(one, RecordingCallback) and one.is_configured}
    for one in theirs.values():
        one.attach(record)
    others: list[Callback] = [MemoryTrial(), TokensPerSecond(), MemoryPeaks(), SaveWhenStopped()]
    if predicts:
        others.append(Predictions(settings.behavior.language))
    bars: list[Callback] = [one for one in given if isinstance(one, ProgressBar) and not quiet]
    for bar in bars:
        if isinstance(bar, Progress):
            bar.record = record
    kept = [one for one in given if not isinstance(one, RecordingCallback | ProgressBar)]
    kinds = {type(one) for one in kept}
    return [
        *kept,
        *(one for one in others if type(one) not in kinds),
        *(theirs.get(type(ours), ours) for ours in recording),
        *(bars if bars or quiet else [Progress(record=record)]),
    ]
