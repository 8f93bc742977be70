"""The steps that end a training run, each a plain object: export, manifest, evaluation, summary."""

from codelm.runs.finish.evaluate import Evaluate
from codelm.runs.finish.export_adapter import ExportAdapter
from codelm.runs.finish.print_summary import PrintSummary
from codelm.runs.finish.step import FinishingStep
from codelm.runs.finish.write_manifest import WriteManifest

__all__ = ["Evaluate", "ExportAdapter", "FinishingStep", "PrintSummary", "WriteManifest"]
