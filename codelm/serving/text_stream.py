"""A text on its way to a client while it is generated, by whichever engine."""

import time
from collections.abc import Callable

from codelm.lines import with_line_end, with_line_feeds
from codelm.serving.engine import Completion
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.stop_sequences import before_stop, stable_part

__all__ = ["TextStream"]


class TextStream:
    """Emits a text while it is generated, with the line ends of its place, and ends it where no more is wanted.

    It is made before the prompt: the time that the prompt takes is part of that to the first token.

    Args:
        request: What was asked for.
        emit: Is handed each chunk of the text once it can change no more.
        is_cancelled: Whether nobody wants the text any longer.
        max_tokens: Tokens at most, without those that only write what was typed.
    """

    def __init__(
        self,
        request: GenerationRequest,
        emit: Callable[[str], None],
        is_cancelled: Callable[[], bool],
        max_tokens: int,
    ) -> None:
        self._request = request
        self._stops = [with_line_feeds(each) for each in request.stop_sequences]
        self._line_end = request.place.line_end
        self.max_tokens = max_tokens
        self._emit = emit
        self.is_cancelled = is_cancelled
        self._text = self._emitted = ""
        self._tokens = 0
        self._start = time.monotonic()
        self._first_token_time: float | None = None
        self._is_cut_off = False

    def __call__(self, text: str, new_tokens: int = 1) -> bool:
        """Emit what is new of a text, and return whether no more of it is wanted; called after each token.

        Args:
            text: The text so far, without what was typed.
            new_tokens: Tokens since the last call: some engines hold back those that end within a character.
        """
        # End tokens write nothing, some others only what was typed; the first bytes of a character are "\ufffd".
        text = with_line_feeds(text)
        self._tokens += new_tokens if text != self._text or text.endswith("\ufffd") else 0
        self._text = text
        self._first_token_time = self._first_token_time or time.monotonic()
        kept, stop = before_stop(text, self._stops)
        self._emit_new(kept if stop else stable_part(kept, self._stops))
        is_over = self._tokens >= self.max_tokens or self.is_cancelled() or self._is_over_time(text)
        self._is_cut_off = not stop and is_over
        return bool(stop) or self._is_cut_off

    def completion(self, text: str, *, has_ended: bool, prompt_tokens: int) -> Completion:
        """Emit the rest of a text, and return what was generated.

        Args:
            text: All of the text, without what was typed.
            has_ended: Whether the model has ended it.
            prompt_tokens: Tokens of the prompt.
        """
        kept, stop = before_stop(with_line_feeds(text), self._stops)
        self._emit_new(kept)
        first, end = self._first_token_time or time.monotonic(), time.monotonic()
        return Completion(
            with_line_end(kept, self._line_end),
            "word" if stop else "eos" if has_ended and not self._is_cut_off else "limit",
            stop,
            prompt_tokens=prompt_tokens,
            completion_tokens=min(self._tokens, self.max_tokens),
            prompt_seconds=first - self._start,
            completion_seconds=end - first,
        )

    def _emit_new(self, text: str) -> None:
        """Emit what a text has beyond that which was emitted before."""
        if len(text) > len(self._emitted) and text.startswith(self._emitted):
            self._emit(with_line_end(text[len(self._emitted) :], self._line_end))
            self._emitted = text

    def _is_over_time(self, text: str) -> bool:
        """Return whether the time limit is over; as in llama.cpp, not before there is a line."""
        limit, first = self._request.seconds, self._first_token_time
        return limit is not None and first is not None and "\n" in text and time.monotonic() - first > limit
