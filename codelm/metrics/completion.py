"""What of a generated text is the completion: up to where a person would have stopped.

The base's texts are cut by the same rules as the tuned ones, so that having learned to stop cannot pass for having
learned to write.
"""

import re
from dataclasses import dataclass

from codelm.metrics.syntax.rust_items import inner_end, item_end

CONTINUES = re.compile(r"[)\]}]|(elif|else|except|finally)\b")
"""How a line at the outer indentation begins if it still belongs to the Python statement above."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What was written behind a prompt.

    Attributes:
        prompt: what was asked.
        text: what was answered, up to where a person would have stopped.
        finished: whether it came to an end; False where the limit of tokens cut it off.
    """

    prompt: str
    text: str
    finished: bool


def completion(language: str, prompt: str, generated: str, *, stopped: bool) -> Completion:
    """Return the part of ``generated`` that completes the prompt; all of it for a language without a rule.

    Args:
        language: "rust" or "python", or any other.
        prompt: what the model was given.
        generated: what it wrote.
        stopped: whether it stopped by itself, and not because it had no tokens left.
    """
    rule = {"rust": cut_rust, "python": cut_python}.get(language)
    end = rule(prompt, generated) if rule else None
    if end is None and not stopped and language == "rust":
        return Completion(prompt, generated[: inner_rust(prompt, generated)], finished=False)
    return Completion(prompt, generated[:end], finished=stopped or end is not None)


def cut_rust(prompt: str, generated: str) -> int | None:
    """Return where the item or statement ends that the prompt began; None if it does not."""
    end = item_end(prompt + generated, len(prompt))
    return None if end is None else end - len(prompt)


def inner_rust(prompt: str, generated: str) -> int | None:
    """Return where the last whole thing inside an unfinished item ends; None if there is none."""
    end = inner_end(prompt + generated, len(prompt))
    return None if end is None else end - len(prompt)


def cut_python(prompt: str, generated: str) -> int | None:
    r"""Return the place before the line that begins another statement at the prompt's indentation; None if none does.

    >>> "(x):\n    return x\n\n\ndef g(x):"[: cut_python("def f", "(x):\n    return x\n\n\ndef g(x):")]
    '(x):\n    return x'
    """
    outer = len(prompt) - len(prompt.lstrip())
    lines = (prompt + generated).split("\n")  # splitlines would also cut at a form feed in the middle of a line
    for index in range(prompt.count("\n") + 1, len(lines)):
        if begins_statement(lines[index], outer) and not lines[index - 1].lstrip().startswith("@"):
            return max(0, len("\n".join(lines[:index]).rstrip()) - len(prompt))
    return None


def begins_statement(line: str, outer: int) -> bool:
    """Return whether a line holds code at the indentation ``outer`` that does not continue what stands above it."""
    inside = line.strip() == "" or line[: outer + 1].strip() == ""
    return not inside and CONTINUES.match(line.lstrip()) is None
