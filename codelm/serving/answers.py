"""Answers in the forms of OpenAI, of Mistral's middle and of llama.cpp."""

import json
import time
from abc import ABC, abstractmethod
from typing import Any
from uuid import uuid4

from codelm.serving.asked import Asked
from codelm.serving.engine import Written

__all__ = ["Answer", "CompletionAnswer", "InfillAnswer", "MiddleAnswer", "event", "model_list"]


def event(body: dict[str, Any] | str) -> str:
    """Return an event of a stream."""
    return f"data: {body if isinstance(body, str) else json.dumps(body)}\n\n"


def model_list(name: str, created: int) -> dict[str, Any]:
    """Return the list of models, which is one."""
    return {"object": "list", "data": [{"id": name, "object": "model", "created": created, "owned_by": "codelm"}]}


class Answer(ABC):
    """The form of an answer to a request.

    Args:
        asked: The request.
        model: The name of the model.
    """

    def __init__(self, asked: Asked, model: str) -> None:
        self.asked = asked
        self.model = model

    @abstractmethod
    def whole(self, written: Written) -> dict[str, Any]:
        """Return the answer in one piece."""

    @abstractmethod
    def piece(self, text: str) -> str:
        """Return the event for a piece of the text."""

    @abstractmethod
    def last(self, written: Written) -> str:
        """Return the events behind the text."""


class CompletionAnswer(Answer):
    """OpenAI's completion."""

    kind, piece_kind, prefix = "text_completion", "text_completion", "cmpl"

    def __init__(self, asked: Asked, model: str) -> None:
        super().__init__(asked, model)
        self._id, self._created = f"{self.prefix}-{uuid4().hex}", int(time.time())

    def whole(self, written: Written) -> dict[str, Any]:
        """Return the answer in one piece."""
        choice = self.content(written.text, whole=True) | {"finish_reason": _reason(written)}
        return self._body([choice], self.kind) | {"usage": _usage(written)}

    def piece(self, text: str) -> str:
        """Return the event for a piece of the text."""
        return event(self._body([self.content(text, whole=False) | {"finish_reason": None}], self.piece_kind))

    def last(self, written: Written) -> str:
        """Return the events behind the text."""
        end = self.content("", whole=False) | {"finish_reason": _reason(written)}
        events = [event(self._body([end], self.piece_kind))]
        if self.asked.with_usage:
            events.append(event(self._body([], self.piece_kind) | {"usage": _usage(written)}))
        return "".join([*events, event("[DONE]")])

    def content(self, text: str, *, whole: bool) -> dict[str, Any]:
        """Return a choice with a text, which is the whole or a piece."""
        return {"index": 0, "text": text, "logprobs": None}

    def _body(self, choices: list[dict[str, Any]], kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self.model, "choices": choices}


class MiddleAnswer(CompletionAnswer):
    """Mistral's answer to ``/v1/fim/completions``: a text as chats have it."""

    kind, piece_kind, prefix = "chat.completion", "chat.completion.chunk", "fim"

    def content(self, text: str, *, whole: bool) -> dict[str, Any]:
        """Return a choice with a text, which is the whole or a piece."""
        return {"index": 0, "message" if whole else "delta": {"role": "assistant", "content": text}}


class InfillAnswer(Answer):
    """llama.cpp's answer to ``/infill``."""

    def whole(self, written: Written) -> dict[str, Any]:
        """Return the answer in one piece, or the fields of it that are wanted."""
        body = {"index": 0, "content": written.text, "model": self.model} | _end(written)
        if not self.asked.fields:
            return body
        found = {name: _at(body, name) for name in self.asked.fields}
        return {name: value for name, value in found.items() if value is not None}

    def piece(self, text: str) -> str:
        """Return the event for a piece of the text."""
        return event({"index": 0, "content": text, "stop": False})

    def last(self, written: Written) -> str:
        """Return the event behind the text."""
        return event({"index": 0, "content": "", "model": self.model} | _end(written))


def _reason(written: Written) -> str:
    return "length" if written.end == "limit" else "stop"


def _usage(written: Written) -> dict[str, int]:
    total = written.prompt_tokens + written.tokens
    return {"prompt_tokens": written.prompt_tokens, "completion_tokens": written.tokens, "total_tokens": total}


def _end(written: Written) -> dict[str, Any]:
    """Return what llama.cpp tells of a text beside it."""
    return {
        "stop": True,
        "stop_type": written.end,
        "stopping_word": written.stop,
        "tokens_predicted": written.tokens,
        "tokens_evaluated": written.prompt_tokens,
        "tokens_cached": 0,
        "truncated": False,
        "timings": {
            **_timings("prompt", written.prompt_tokens, written.prompt_seconds),
            **_timings("predicted", written.tokens, written.seconds),
        },
    }


def _timings(name: str, tokens: int, seconds: float) -> dict[str, float]:
    return {
        f"{name}_n": tokens,
        f"{name}_ms": seconds * 1000,
        f"{name}_per_token_ms": seconds * 1000 / max(1, tokens),
        f"{name}_per_second": tokens / seconds if seconds > 0 else 0.0,
    }


def _at(body: dict[str, Any], path: str) -> Any:
    """Return a value by the names on the way to it, as in ``timings/prompt_n``; None if there is none."""
    value: Any = body
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value
