"""What generates the text that a request asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from codelm.serving.generation_request import GenerationRequest

__all__ = ["Completion", "Engine"]


@dataclass(frozen=True, slots=True)
class Completion:
    """A generated text.

    Attributes:
        text: The text.
        stop_type: What ended it, in llama.cpp's words: "eos" the model, "word" a stop sequence, "limit" the number of
            tokens, the time limit or a cancellation.
        stopping_word: The stop sequence that ended it; empty where none did.
        prompt_tokens: Tokens of the prompt.
        completion_tokens: Tokens generated, without an end token and those that only write what was typed before the
            cursor.
        prompt_seconds: Time to the first token, making the prompt included.
        completion_seconds: Time from there to the last.
    """

    text: str
    stop_type: str
    stopping_word: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_seconds: float = 0.0
    completion_seconds: float = 0.0


class Engine(Protocol):
    """A model that generates one text at a time."""

    def generate(
        self, request: GenerationRequest, emit: Callable[[str], None], is_cancelled: Callable[[], bool]
    ) -> Completion:
        """Return the text for a request.

        Args:
            request: The request.
            emit: Is handed each chunk of the text once it can change no more.
            is_cancelled: Whether nobody wants the text any longer, asked at each token.

        Raises:
            InputError: The request cannot be met by this model.
        """
