"""What writes the text that is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from codelm.serving.asked import Asked

__all__ = ["Engine", "Written"]


@dataclass(frozen=True, slots=True)
class Written:
    """A text that was written.

    Attributes:
        text: The text.
        end: What ended it: "eos" the model, "word" a text given as stop, "limit" the number of tokens or the time.
        stop: The stop that ended it; empty where none did.
        prompt_tokens: Tokens of the prompt.
        tokens: Tokens that were written, an end and what was typed before the place among them.
        prompt_seconds: Time to the first token.
        seconds: Time from there to the last.
    """

    text: str
    end: str
    stop: str = ""
    prompt_tokens: int = 0
    tokens: int = 0
    prompt_seconds: float = 0.0
    seconds: float = 0.0


class Engine(Protocol):
    """A model that writes one text at a time."""

    def write(self, asked: Asked, show: Callable[[str], None], is_stopped: Callable[[], bool]) -> Written:
        """Return the text for a request.

        Args:
            asked: The request.
            show: Is handed each piece of the text once it can change no more.
            is_stopped: Whether nobody wants the text any longer, asked at each token.

        Raises:
            InputError: The request cannot be met by this model.
        """
