"""What the engines of a run's model share: a request's prompt, and the limits within which its text is generated."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from codelm.inference.prompt_maker import PromptMaker
from codelm.serving.engine import Completion
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.text_stream import TextStream
from codelm.token_healing import HealedPrompt

__all__ = ["PromptedEngine"]


class PromptedEngine(ABC):
    """An engine that generates what follows the prompt of a request.

    Args:
        prompts: Makes the prompts.
        max_tokens: Tokens of an answer at most; at least half of a row is left to the prompt.
    """

    def __init__(self, prompts: PromptMaker, max_tokens: int) -> None:
        self._prompts = prompts
        self._max_tokens = min(max_tokens, prompts.row_tokens // 2)

    def generate(
        self, request: GenerationRequest, emit: Callable[[str], None], is_cancelled: Callable[[], bool]
    ) -> Completion:
        """Return the text for a request; see `codelm.serving.engine.Engine`."""
        max_tokens = min(request.max_tokens, self._max_tokens)
        if max_tokens == 0 or is_cancelled():
            return Completion("", "limit")
        stream = TextStream(request, emit, is_cancelled, max_tokens)
        [prompt] = self._prompts.encode([request.place], max_tokens, request.files)
        text, has_ended = self.write(prompt, request, stream)
        return stream.completion(text, has_ended=has_ended, prompt_tokens=len(prompt.ids))

    @abstractmethod
    def write(self, prompt: HealedPrompt, request: GenerationRequest, stream: TextStream) -> tuple[str, bool]:
        """Return the text behind a prompt, without what was typed, and whether the model has ended it.

        Args:
            prompt: The prompt.
            request: How tokens are chosen.
            stream: Takes the text after each token, and says when no more of it is wanted.
        """
