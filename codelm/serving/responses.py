"""Responses in the forms of OpenAI's completions, Mistral's fill-in-the-middle and llama.cpp's infill."""

import json
import time
from abc import ABC, abstractmethod
from typing import Any
from uuid import uuid4

from codelm.serving.engine import Completion
from codelm.serving.generation_request import GenerationRequest

__all__ = [
    "CompletionResponse",
    "FimResponse",
    "GenerationResponse",
    "InfillResponse",
    "event",
    "model_list",
    "model_object",
]


def event(body: dict[str, Any] | str) -> str:
    """Return a server-sent event: an object as JSON, or a text as it is."""
    return f"data: {body if isinstance(body, str) else json.dumps(body)}\n\n"


def model_list(name: str, created: int) -> dict[str, Any]:
    """Return OpenAI's list of models, which holds one; ``created`` is in seconds since 1970."""
    return {"object": "list", "data": [model_object(name, created)]}


def model_object(name: str, created: int) -> dict[str, Any]:
    """Return OpenAI's object of a model."""
    return {"id": name, "object": "model", "created": created, "owned_by": "codelm"}


class GenerationResponse(ABC):
    """The response to a request, as one body or as the events of a stream.

    Args:
        request: The request.
        model: The name of the model.
    """

    def __init__(self, request: GenerationRequest, model: str) -> None:
        self.request = request
        self.model = model

    @abstractmethod
    def body(self, completion: Completion) -> dict[str, Any]:
        """Return the whole response."""

    @abstractmethod
    def chunk(self, text: str) -> str:
        """Return the event for a chunk of the text."""

    @abstractmethod
    def final_events(self, completion: Completion) -> str:
        """Return the events after the last chunk."""


class CompletionResponse(GenerationResponse):
    """OpenAI's completion."""

    kind, chunk_kind, id_prefix = "text_completion", "text_completion", "cmpl"

    def __init__(self, request: GenerationRequest, model: str) -> None:
        super().__init__(request, model)
        self._id, self._created = f"{self.id_prefix}-{uuid4().hex}", int(time.time())

    def body(self, completion: Completion) -> dict[str, Any]:
        """Return the whole response."""
        choice = self.choice(completion.text, is_chunk=False) | {"finish_reason": _finish_reason(completion)}
        return self._object([choice], self.kind) | {"usage": _usage(completion)}

    def chunk(self, text: str) -> str:
        """Return the event for a chunk of the text."""
        return self._event(self.choice(text, is_chunk=True) | {"finish_reason": None})

    def final_events(self, completion: Completion) -> str:
        """Return the events after the last chunk."""
        end = self.choice("", is_chunk=True) | {"finish_reason": _finish_reason(completion)}
        events = [self._event(end)]
        if self.request.with_usage:
            events.append(event(self._object([], self.chunk_kind) | {"usage": _usage(completion)}))
        return "".join([*events, event("[DONE]")])

    def choice(self, text: str, *, is_chunk: bool) -> dict[str, Any]:
        """Return a choice that holds a text."""
        return {"index": 0, "text": text, "logprobs": None}

    def _event(self, choice: dict[str, Any]) -> str:
        """Return the event for a choice; OpenAI's have a null where the numbers of tokens are to come in the last."""
        body = self._object([choice], self.chunk_kind)
        return event(body | {"usage": None} if self.request.with_usage else body)

    def _object(self, choices: list[dict[str, Any]], kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self.model, "choices": choices}


class FimResponse(CompletionResponse):
    """Mistral's response to ``/v1/fim/completions``, whose text is a message as in chats."""

    kind, chunk_kind, id_prefix = "chat.completion", "chat.completion.chunk", "fim"

    def choice(self, text: str, *, is_chunk: bool) -> dict[str, Any]:
        """Return a choice that holds a text."""
        return {"index": 0, "delta" if is_chunk else "message": {"role": "assistant", "content": text}}


class InfillResponse(GenerationResponse):
    """llama.cpp's response to ``/infill``."""

    def body(self, completion: Completion) -> dict[str, Any]:
        """Return the whole response, or those fields of it that the request names."""
        body = {"index": 0, "content": completion.text, "model": self.model} | _end(completion)
        if not self.request.response_fields:
            return body
        found = {name: _nested_value(body, name) for name in self.request.response_fields}
        return {name: value for name, value in found.items() if value is not None}

    def chunk(self, text: str) -> str:
        """Return the event for a chunk of the text."""
        return event({"index": 0, "content": text, "stop": False})

    def final_events(self, completion: Completion) -> str:
        """Return the event after the last chunk."""
        return event({"index": 0, "content": "", "model": self.model} | _end(completion))


def _finish_reason(completion: Completion) -> str:
    return "length" if completion.stop_type == "limit" else "stop"


def _usage(completion: Completion) -> dict[str, int]:
    prompt, text = completion.prompt_tokens, completion.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": text, "total_tokens": prompt + text}


def _end(completion: Completion) -> dict[str, Any]:
    """Return the fields that llama.cpp's response has beside its text."""
    return {
        "stop": True,
        "stop_type": completion.stop_type,
        "stopping_word": completion.stopping_word,
        "tokens_predicted": completion.completion_tokens,
        "tokens_evaluated": completion.prompt_tokens,
        "tokens_cached": 0,
        "truncated": False,
        "timings": {
            **_timings("prompt", completion.prompt_tokens, completion.prompt_seconds),
            **_timings("predicted", completion.completion_tokens, completion.completion_seconds),
        },
    }


def _timings(name: str, tokens: int, seconds: float) -> dict[str, float]:
    return {
        f"{name}_n": tokens,
        f"{name}_ms": seconds * 1000,
        f"{name}_per_token_ms": seconds * 1000 / max(1, tokens),
        f"{name}_per_second": tokens / seconds if seconds > 0 else 0.0,
    }


def _nested_value(body: dict[str, Any], path: str) -> Any:
    """Return a value by its path, as ``timings/prompt_n``; None if there is none."""
    value: Any = body
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value
