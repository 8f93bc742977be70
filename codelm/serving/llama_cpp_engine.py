"""A run's model in llama.cpp as an engine.

It generates what `codelm.serving.tuned_engine` does, with these differences:

* weights are float16 where that has 4 bits and the adapter apart, so that tokens which are all but equally likely may
  change places,
* a character that the last token begins and does not end is left out,
* behind what was typed, llama.cpp's grammar rules out bytes that are no character,
* while what was typed is written, ``top_p`` keeps tokens before those are ruled out that disagree with it.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from codelm.inference.prompt_maker import PromptMaker
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.llama_cpp import LlamaCpp
from codelm.serving.prompted_engine import PromptedEngine
from codelm.serving.text_stream import TextStream
from codelm.token_healing import HealedPrompt, without_typed

__all__ = ["LlamaCppEngine"]

_SEEDS = 2**31
"""Seeds that llama.cpp tells apart; -1 is another one each time."""


class _Step(NamedTuple):
    """How far a text has come: with what was typed, in how many tokens, and whether the model has ended it."""

    text: str
    tokens: int
    has_ended: bool


class LlamaCppEngine(PromptedEngine):
    """A run's model as an engine.

    Args:
        llama: llama.cpp with the model.
        prompts: Makes its prompts, which are no longer than llama.cpp's context.
        max_tokens: Tokens of an answer at most; see `PromptedEngine`.
    """

    def __init__(self, llama: LlamaCpp, prompts: PromptMaker, max_tokens: int) -> None:
        super().__init__(prompts, max_tokens)
        self._llama = llama
        encoder = prompts.encoder
        self._special = frozenset(encoder.special_ids.values())
        self._end = encoder.special_ids.get(encoder.wanted_format.end or "", 0)

    def write(self, prompt: HealedPrompt, request: GenerationRequest, stream: TextStream) -> tuple[str, bool]:
        """Return the text behind a prompt, without what was typed, and whether the model has ended it."""
        most = stream.max_tokens + len(prompt.typed)  # the stream ends it at max_tokens
        body = _body(prompt.ids or [self._end], prompt.typed, request, most)  # a text follows an end
        last = _Step("", 0, has_ended=False)
        with closing(self._steps(body)) as steps:
            for step in steps:
                is_read = step.tokens > 0 and not step.has_ended
                text, new = without_typed(step.text, prompt.typed), step.tokens - last.tokens
                last = step
                if stream(text, new) if is_read else stream.is_cancelled():
                    break
        return without_typed(last.text, prompt.typed), last.has_ended

    def _steps(self, body: dict[str, Any]) -> Generator[_Step, None, None]:
        """Yield how far a text has come: before its first token while the prompt is read, then after each of them."""
        text = ""
        with closing(self._llama.events(body)) as events:
            for event in events:
                tokens, text = event["tokens_predicted"], text + event["content"]
                # llama.cpp ends at some of the special tokens alone, and writes none of them.
                is_special = tokens > 0 and bool(self._special.intersection(event["tokens"]))
                has_ended = is_special or event.get("stop_type") == "eos"
                yield _Step(text, tokens, has_ended)
                if has_ended:
                    return


def _body(ids: Sequence[int], typed: str, request: GenerationRequest, max_tokens: int) -> dict[str, Any]:
    """Return what llama.cpp is asked.

    Args:
        ids: The prompt.
        typed: What the text must begin with.
        request: How tokens are chosen.
        max_tokens: Tokens at most, with those that write what was typed.
    """
    samplers: dict[str, Any] = {"samplers": ["top_k"], "top_k": 1}
    if request.temperature:
        samplers = {"samplers": ["temperature", "top_p"], "temperature": request.temperature, "top_p": request.top_p}
        samplers["seed"] = -1 if request.seed is None else request.seed % _SEEDS
    return {
        "prompt": list(ids),  # as ids: it would take what spells a special token for one
        "n_predict": max_tokens,
        "stream": True,
        "return_tokens": True,
        "return_progress": True,
        "grammar": _grammar(typed),
        **samplers,
    }


def _grammar(typed: str) -> str:
    r"""Return a grammar of the texts that begin with what was typed, which is ASCII; none for all texts.

    >>> _grammar(" fn")
    'root ::= "\\x20\\x66\\x6E" .*'
    """
    if not typed:
        return ""
    escaped = "".join(rf"\x{ord(character):02X}" for character in typed)
    return f'root ::= "{escaped}" .*'
