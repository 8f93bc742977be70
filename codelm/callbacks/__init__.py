"""Lightning callbacks that measure a training and end it, also with a trainer of one's own.

Those that measure or end are handed one record of the run, and stand in this order:

    from codelm.callbacks import BaseReference, Checkpoints, FinishRun, Forgetting, Manifest, SaveWhenStopped
    from codelm.callbacks import TimeLimit, TrainingHistory
    from codelm.runs.record import RunRecord

    record = RunRecord()
    measuring = [BaseReference(record), TrainingHistory(record), Manifest(record), Forgetting(record=record)]
    recording = [*measuring, FinishRun(record=record)]
    trainer = Trainer(callbacks=[SaveWhenStopped(), TimeLimit(record), *recording, Checkpoints(monitor="val/loss")])
"""

from codelm.callbacks.base_reference import BaseReference
from codelm.callbacks.behavior import BehavioralEvaluation
from codelm.callbacks.checkpoint_report import CheckpointReport
from codelm.callbacks.checkpoints import Checkpoints
from codelm.callbacks.finish import FinishRun
from codelm.callbacks.forgetting import Forgetting
from codelm.callbacks.lineage import Lineage
from codelm.callbacks.manifest import Manifest
from codelm.callbacks.memory_trial import MemoryTrial
from codelm.callbacks.monitors import MemoryPeaks, TokensPerSecond
from codelm.callbacks.predictions import Predictions
from codelm.callbacks.progress import Progress
from codelm.callbacks.stopping import SaveWhenStopped
from codelm.callbacks.time_limit import TimeLimit
from codelm.callbacks.training_history import TrainingHistory

__all__ = [
    "BaseReference",
    "BehavioralEvaluation",
    "CheckpointReport",
    "Checkpoints",
    "FinishRun",
    "Forgetting",
    "Lineage",
    "Manifest",
    "MemoryPeaks",
    "MemoryTrial",
    "Predictions",
    "Progress",
    "SaveWhenStopped",
    "TimeLimit",
    "TokensPerSecond",
    "TrainingHistory",
]
