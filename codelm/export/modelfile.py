"""Ollama's Modelfile: which file, and how a request becomes the prompt that the model was trained with."""

from collections.abc import Container, Sequence

from codelm.special_tokens import TEXT_ENDS, Slot

__all__ = ["modelfile", "template"]

_WRITTEN = {Slot.BEFORE: "{{ .Prompt }}", Slot.AFTER: "{{ .Suffix }}"}
_SETTINGS = {"temperature": "0.2", "num_predict": "256"}
"""What suits completions in an editor."""


def template(infill: Sequence[str]) -> str:
    """Return Ollama's template for a format's way to ask for a middle, the prompt alone where it has none.

    Ollama knows neither path nor repository. A request without a suffix is text to be continued.

    >>> from codelm.special_tokens import FORMATS
    >>> template(FORMATS["starcoder2-spm"].infill)
    '{{ if .Suffix }}<fim_prefix><fim_suffix>{{ .Suffix }}<fim_middle>{{ .Prompt }}{{ else }}{{ .Prompt }}{{ end }}'
    """
    if not infill:
        return "{{ .Prompt }}"
    written = "".join(_WRITTEN.get(Slot(part), "") if part in set(Slot) else part for part in infill)
    return f"{{{{ if .Suffix }}}}{written}{{{{ else }}}}{{{{ .Prompt }}}}{{{{ end }}}}"


def modelfile(
    model: str, infill: Sequence[str], vocabulary: Container[str], context: int, adapter: str | None = None
) -> str:
    """Return the text of a Modelfile.

    Args:
        model: The GGUF file of the model, in the same folder.
        infill: How the format asks for a middle.
        vocabulary: The tokens that the tokenizer has: its special tokens end a completion.
        context: Tokens of prompt and completion together.
        adapter: The GGUF file of an adapter, if it is not merged.
    """
    lines = [f"FROM ./{model}", *([f"ADAPTER ./{adapter}"] if adapter else []), f'TEMPLATE """{template(infill)}"""']
    lines += [f"PARAMETER {name} {value}" for name, value in {"num_ctx": context, **_SETTINGS}.items()]
    lines += [f'PARAMETER stop "{token}"' for token in TEXT_ENDS if token in vocabulary]
    return "\n".join(lines) + "\n"
