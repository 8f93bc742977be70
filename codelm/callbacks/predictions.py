"""Printing of the completions that ``codelm predict`` makes."""

from collections.abc import Sequence

from lightning.pytorch import Callback, LightningModule, Trainer

from codelm.metrics.completion import Completion, completion
from codelm.modules.generation import Generated
from codelm.report.printable_text import printable
from codelm.runs.standard_output import print_result

__all__ = ["Predictions"]


class Predictions(Callback):
    """Prints each prompt with what the model wrote behind it, up to where a person would have stopped.

    Args:
        language: Decides where a completion ends: "rust" or "python"; of others all is printed.
    """

    def __init__(self, language: str = "rust") -> None:
        self.language = language

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Sequence[Generated],
        batch: Sequence[str],
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Print a batch; every process has completed the same prompts, and the first one prints them."""
        if trainer.is_global_zero:
            for prompt, (text, stopped) in zip(batch, outputs, strict=True):
                print_result(_shown(completion(self.language, prompt, text, stopped=stopped)))


def _shown(one: Completion) -> str:
    """Return a completion as it is printed: a line that names the prompt, then the code as it goes on."""
    prompt = " ".join(printable(one.prompt).split())
    state = "" if one.finished else ", cut off at the limit of tokens"
    return f"completion of `{prompt}`{state}\n\n{printable(one.prompt + one.text).rstrip()}\n\n"
