"""The part of a generated text that completes its prompt: up to the end of the item or statement that was begun.

The base's and the tuned model's texts are cut by the same rules: otherwise a model that only learned when to stop would
look like one that writes better code.
"""

import re
from dataclasses import dataclass

from codelm.metrics.syntax.rust_items import inner_end, item_end

__all__ = ["Completion", "begins_statement", "completion", "indentation"]

_CONTINUES = re.compile(r"[)\]}]|(elif|else|except|finally)\b")
"""How a line at the outer indentation begins if it still belongs to the Python statement above."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A prompt and its completion.

    Attributes:
        prompt: the text that the model continued.
        text: the generated text, cut at the end of the item or statement.
        finished: whether an end was reached; False where the limit of tokens cut the text off.
    """

    prompt: str
    text: str
    finished: bool


def completion(language: str, prompt: str, generated: str, *, stopped: bool) -> Completion:
    """Return the part of ``generated`` that completes the prompt; all of it for a language without a rule.

    Args:
        language: "rust" or "python", or any other.
        prompt: the text that the model continued.
        generated: what the model wrote.
        stopped: whether the model ended the text itself, before the limit of tokens.
    """
    text, start = prompt + generated, len(prompt)
    rule = {"rust": item_end, "python": _statement_end}.get(language)
    end = rule(text, start) if rule else None
    finished = stopped or end is not None
    if not finished and language == "rust":
        end = inner_end(text, start)
    return Completion(prompt, text[start:end], finished)


def _statement_end(text: str, start: int) -> int | None:
    """Return the end of the Python statement that ``text[:start]`` begins: where another one follows, else None."""
    outer = indentation(text[:start])
    lines = text.split("\n")  # splitlines would also split at a form feed inside a line
    for index in range(text.count("\n", 0, start) + 1, len(lines)):
        if begins_statement(lines[index], outer) and not lines[index - 1].lstrip().startswith("@"):
            return max(start, len("\n".join(lines[:index]).rstrip()))
    return None


def begins_statement(line: str, outer: int) -> bool:
    """Return whether a line of Python begins a statement that is indented by at most ``outer`` characters."""
    return line[: outer + 1].strip() != "" and _CONTINUES.match(line.lstrip()) is None


def indentation(text: str) -> int:
    """Return how many characters of white space a text begins with."""
    return len(text) - len(text.lstrip())
