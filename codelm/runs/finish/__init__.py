"""The steps that end a training run, each a plain object: export, manifest, evaluation, summary."""

from codelm.evaluation.settings import EvaluationSettings
from codelm.runs.finish.evaluate import Evaluate
from codelm.runs.finish.export_adapter import ExportAdapter
from codelm.runs.finish.keep_better import KeepBetter
from codelm.runs.finish.print_summary import PrintSummary
from codelm.runs.finish.step import FinishingStep
from codelm.runs.finish.write_manifest import WriteManifest

__all__ = ["Evaluate", "ExportAdapter", "FinishingStep", "KeepBetter", "PrintSummary", "WriteManifest", "default_steps"]


def default_steps(evaluation: EvaluationSettings | None = None, *, summary: bool = True) -> list[FinishingStep]:
    """Return the steps that end a run; the manifest is written before the evaluation too, which may take long."""
    chosen = [ExportAdapter(), KeepBetter(evaluation), WriteManifest()]
    steps = [*chosen, Evaluate(evaluation), WriteManifest(required=False)]
    return [*steps, PrintSummary()] if summary else steps
