"""What happens beside a training: its measures, its record, and what it leaves behind.

In a configuration they are listed in this order, because each says what those before it have made:

    trainer:
      callbacks:
        - class_path: codelm.callbacks.BaseReference
        - class_path: codelm.callbacks.BehavioralEvaluation
          init_args: {prompts: ["fn process"], language: rust}
        - class_path: codelm.callbacks.SaveWhenStopped
        - class_path: codelm.callbacks.ExportAdapter
        - class_path: codelm.callbacks.Manifest
        - class_path: codelm.callbacks.Evaluation
        - class_path: codelm.callbacks.Summary
"""

from codelm.callbacks.base_reference import BaseReference
from codelm.callbacks.behavior import BehavioralEvaluation
from codelm.callbacks.evaluation import Evaluation
from codelm.callbacks.export import ExportAdapter
from codelm.callbacks.manifest import Manifest
from codelm.callbacks.monitors import MemoryPeaks, TokensPerSecond
from codelm.callbacks.predictions import Predictions
from codelm.callbacks.progress import Progress
from codelm.callbacks.stopping import SaveWhenStopped
from codelm.callbacks.summary import Summary

__all__ = [
    "BaseReference",
    "BehavioralEvaluation",
    "Evaluation",
    "ExportAdapter",
    "Manifest",
    "MemoryPeaks",
    "Predictions",
    "Progress",
    "SaveWhenStopped",
    "Summary",
    "TokensPerSecond",
]
