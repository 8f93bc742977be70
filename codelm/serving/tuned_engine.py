"""A run's model in PyTorch as an engine, which generates what ``codelm complete`` does."""

import time
from collections.abc import Callable

import torch

from codelm.inference.tuned_model import TunedModel
from codelm.modules.generation import Generated, Sampling
from codelm.serving.engine import Completion
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.stop_sequences import before_stop, stable_part

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

    def generate(
        self, request: GenerationRequest, emit: Callable[[str], None], is_cancelled: Callable[[], bool]
    ) -> Completion:
        """Return the text for a request; see `codelm.serving.engine.Engine`."""
        max_tokens = min(request.max_tokens, self._max_tokens)
        if max_tokens == 0 or is_cancelled():
            return Completion("", "limit")
        start = time.monotonic()
        [prompt] = self._model.encode([request.place], max_tokens, request.files)
        _seed(request.seed)
        stream = _TextStream(request, emit, is_cancelled, prompt.typed)
        sampling = Sampling(max_tokens, request.temperature, request.top_p, batch_size=1)
        [generated] = self._model.write_prompts([prompt], sampling, until=[stream])
        text, stop = before_stop(generated.text, request.stop_sequences)
        stream.emit_new(text)
        first, end = stream.first_token_time or time.monotonic(), time.monotonic()
        return Completion(
            text,
            _stop_type(stop, generated, stream),
            stop,
            prompt_tokens=len(prompt.ids),
            completion_tokens=min(stream.tokens, max_tokens),  # without an end token
            prompt_seconds=first - start,
            completion_seconds=end - first,
        )


def _seed(seed: int | None) -> None:
    """Seed the sampling of tokens; without a seed each text has another one."""
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed)


class _TextStream:
    """Emits a text while it is generated, and ends it early where no more of it is wanted.

    Attributes:
        tokens: Tokens so far, without those that only write what was typed.
        first_token_time: When the first of them was there, in seconds of the monotonic clock.
        is_cut_off: Whether the text was ended for its time limit or because it was cancelled.
    """

    def __init__(
        self, request: GenerationRequest, emit: Callable[[str], None], is_cancelled: Callable[[], bool], typed: str
    ) -> None:
        self._request = request
        self._typed = typed
        self._emit = emit
        self._is_cancelled = is_cancelled
        self._emitted = ""
        self.tokens = 0
        self.first_token_time: float | None = None
        self.is_cut_off = False

    def __call__(self, text: str) -> bool:
        """Emit what is new of a text, and return whether no more of it is wanted; called after each token."""
        self.tokens += bool(text or not self._typed)
        self.first_token_time = self.first_token_time or time.monotonic()
        kept, stop = before_stop(text, self._request.stop_sequences)
        self.emit_new(kept if stop else stable_part(kept, self._request.stop_sequences))
        self.is_cut_off = not stop and (self._is_cancelled() or self._is_over_time(text))
        return bool(stop) or self.is_cut_off

    def emit_new(self, text: str) -> None:
        """Emit what a text has beyond that which was emitted before."""
        if len(text) > len(self._emitted) and text.startswith(self._emitted):
            self._emit(text[len(self._emitted) :])
            self._emitted = text

    def _is_over_time(self, text: str) -> bool:
        """Return whether the time limit is over; as in llama.cpp, not before there is a line."""
        limit, first = self._request.seconds, self.first_token_time
        return limit is not None and first is not None and "\n" in text and time.monotonic() - first > limit


def _stop_type(stop: str, generated: Generated, stream: _TextStream) -> str:
    """Return what ended a text, in the words of `codelm.serving.engine.Completion`."""
    if stop:
        return "word"
    return "eos" if generated.stopped and not stream.is_cut_off else "limit"
