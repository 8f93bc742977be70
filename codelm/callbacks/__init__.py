"""Lightning callbacks that measure a training and end it; they share one record of the run.

With a trainer of one's own:

    from codelm.callbacks import BehavioralEvaluation, SaveWhenStopped, recording_callbacks
    from codelm.runs.record import RunRecord

    record = RunRecord()
    behavior = BehavioralEvaluation(["fn process"], language="rust", record=record)
    trainer = Trainer(callbacks=[behavior, SaveWhenStopped(), *recording_callbacks(record)])
"""

from codelm.callbacks.base_reference import BaseReference
from codelm.callbacks.behavior import BehavioralEvaluation
from codelm.callbacks.checkpoint_report import CheckpointReport
from codelm.callbacks.finish import FinishRun, recording_callbacks
from codelm.callbacks.forgetting import Forgetting
from codelm.callbacks.manifest import Manifest
from codelm.callbacks.monitors import MemoryPeaks, TokensPerSecond
from codelm.callbacks.predictions import Predictions
from codelm.callbacks.progress import Progress
from codelm.callbacks.stopping import SaveWhenStopped
from codelm.callbacks.training_history import TrainingHistory

__all__ = [
    "BaseReference",
    "BehavioralEvaluation",
    "CheckpointReport",
    "FinishRun",
    "Forgetting",
    "Manifest",
    "MemoryPeaks",
    "Predictions",
    "Progress",
    "SaveWhenStopped",
    "TokensPerSecond",
    "TrainingHistory",
    "recording_callbacks",
]
