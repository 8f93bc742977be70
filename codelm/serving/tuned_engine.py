"""A run's model in PyTorch as an engine, which generates what ``codelm complete`` does."""

from collections.abc import Callable

import torch

from codelm.inference.tuned_model import TunedModel
from codelm.modules.generation import Sampling
from codelm.serving.engine import Completion
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.text_stream import TextStream

__all__ = ["TunedEngine"]


class TunedEngine:
    """A run's model as an engine.

    Args:
        model: The model.
        max_tokens: Tokens of an answer at most; at least half of a row is left to the prompt.
    """

    def __init__(self, model: TunedModel, max_tokens: int) -> None:
        self._model = model
        self._max_tokens = min(max_tokens, model.prompts.row_tokens // 2)

    def generate(
        self, request: GenerationRequest, emit: Callable[[str], None], is_cancelled: Callable[[], bool]
    ) -> Completion:
        """Return the text for a request; see `codelm.serving.engine.Engine`."""
        max_tokens = min(request.max_tokens, self._max_tokens)
        if max_tokens == 0 or is_cancelled():
            return Completion("", "limit")
        [prompt] = self._model.prompts.encode([request.place], max_tokens, request.files)
        _seed(request.seed)
        stream = TextStream(request, emit, is_cancelled, max_tokens)
        most = max_tokens + len(prompt.typed)  # the stream ends it at max_tokens
        sampling = Sampling(most, request.temperature, request.top_p, batch_size=1)
        [generated] = self._model.write_prompts([prompt], sampling, until=[stream])
        return stream.completion(generated.text, has_ended=generated.stopped, prompt_tokens=len(prompt.ids))


def _seed(seed: int | None) -> None:
    """Seed the sampling of tokens; without a seed each text has another one."""
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed)
