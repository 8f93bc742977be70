"""A run's model in PyTorch as an engine, which writes what ``codelm complete`` writes."""

import time
from collections.abc import Callable

import torch

from codelm.inference.tuned_model import TunedModel
from codelm.modules.generation import Sampling
from codelm.serving.asked import Asked
from codelm.serving.engine import Written
from codelm.serving.stops import before_stop, settled

__all__ = ["TunedEngine"]


class TunedEngine:
    """A run's model as an engine.

    Args:
        model: The model.
        max_tokens: Tokens of an answer at most; at least half of a row is left to the prompt.
    """

    def __init__(self, model: TunedModel, max_tokens: int) -> None:
        self._model = model
        self._max_tokens = min(max_tokens, model.row_tokens // 2)

    def write(self, asked: Asked, show: Callable[[str], None], is_stopped: Callable[[], bool]) -> Written:
        """Return the text for a request; see `codelm.serving.engine.Engine`."""
        tokens = min(asked.max_tokens, self._max_tokens)
        if tokens == 0 or is_stopped():
            return Written("", "limit")
        start = time.monotonic()
        [prompt] = self._model.encode([asked.place], tokens, asked.files)
        _seed(asked.seed)
        listener = _Listener(asked, show, is_stopped)
        sampling = Sampling(tokens, asked.temperature, asked.top_p, batch_size=1)
        [written] = self._model.write_prompts([prompt], sampling, until=[listener])
        text, stop = before_stop(written.text, asked.stops)
        listener.finish(text)
        first, end = listener.first or time.monotonic(), time.monotonic()
        return Written(
            text,
            "word" if stop else "eos" if written.stopped and not listener.gave_up else "limit",
            stop,
            prompt_tokens=len(prompt.ids),
            tokens=listener.tokens,
            prompt_seconds=first - start,
            seconds=end - first,
        )


def _seed(seed: int | None) -> None:
    """Seed what is drawn; without a seed it is another one each time."""
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed)


class _Listener:
    """Shows a text while it is written, and ends it where it needs no more.

    Attributes:
        tokens: Tokens so far.
        first: When the first of them was there.
        gave_up: Whether the text was ended before the model ended it, by its time or because nobody wants it.
    """

    def __init__(self, asked: Asked, show: Callable[[str], None], is_stopped: Callable[[], bool]) -> None:
        self._asked = asked
        self._show = show
        self._is_stopped = is_stopped
        self._shown = ""
        self.tokens = 0
        self.first: float | None = None
        self.gave_up = False

    def __call__(self, text: str) -> bool:
        """Show what is new of a text, and return whether it needs no more."""
        self.tokens += 1
        self.first = self.first or time.monotonic()
        kept, stop = before_stop(text, self._asked.stops)
        self.finish(kept if stop else settled(kept, self._asked.stops))
        self.gave_up = not stop and (self._is_stopped() or self._is_late(text))
        return bool(stop) or self.gave_up

    def finish(self, text: str) -> None:
        """Show what is new of a text."""
        if len(text) > len(self._shown) and text.startswith(self._shown):
            self._show(text[len(self._shown) :])
            self._shown = text

    def _is_late(self, text: str) -> bool:
        """Return whether the time is over; as in llama.cpp, not before there is a line."""
        limit, first = self._asked.seconds, self.first
        return limit is not None and first is not None and "\n" in text and time.monotonic() - first > limit
