"""A run's model in PyTorch as an engine, which generates what ``codelm complete`` does."""

import torch

from codelm.inference.tuned_model import TunedModel
from codelm.modules.generation import Sampling
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.prompted_engine import PromptedEngine
from codelm.serving.text_stream import TextStream
from codelm.token_healing import HealedPrompt

__all__ = ["TunedEngine"]


class TunedEngine(PromptedEngine):
    """A run's model as an engine.

    Args:
        model: The model.
        max_tokens: Tokens of an answer at most; see `PromptedEngine`.
    """

    def __init__(self, model: TunedModel, max_tokens: int) -> None:
        super().__init__(model.prompts, max_tokens)
        self._model = model

    def write(self, prompt: HealedPrompt, request: GenerationRequest, stream: TextStream) -> tuple[str, bool]:
        """Return the text behind a prompt, without what was typed, and whether the model has ended it."""
        _seed(request.seed)
        most = stream.max_tokens + len(prompt.typed)  # the stream ends it at max_tokens
        sampling = Sampling(most, request.temperature, request.top_p, batch_size=1)
        [generated] = self._model.write_prompts([prompt], sampling, until=[stream])
        return generated.text, generated.stopped


def _seed(seed: int | None) -> None:
    """Seed the sampling of tokens; without a seed each text has another one."""
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed)
