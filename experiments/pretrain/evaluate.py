"""Figures of a base model: bits per byte beside xz, infilling with and without the suffix, syntax of completions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from codelm.bases.tokenizer import load_tokenizer
from codelm.history.samples.cursor_spans import REST_OF_LINE, cut_at_cursor
from codelm.history.samples.pieces import Kind, Piece, Role, Sample, infill_pieces, special_token, text_pieces
from codelm.history.tokenization.encoder import Encoder
from codelm.metrics.completion import Completion, completion
from codelm.metrics.completion_measures import measure
from codelm.metrics.compression import xz
from codelm.metrics.syntax.rust_items import ends as item_ends
from codelm.metrics.syntax.rust_items import inner_end
from codelm.metrics.syntax.rust_lexer import significant
from codelm.modules.generation import Generated, Sampling, end_token_ids, generate
from codelm.modules.generation import decode_generated as read_generated
from codelm.special_tokens import END_OF_TEXT, STARCODER2, SUFFIX_FIRST, PromptFormat
from codelm.token_healing import HealedPrompt
from experiments.pretrain.corpus import Document, bucket, read
from experiments.pretrain.documents import Parts, cut_lines, left_to_right, parts_of, prefix_first

__all__ = ["CONTEXT", "report", "windows"]

CONTEXT = 1024
_STRIDE = 512
_INFILL_FILES = 300
_LONGEST_MIDDLE = 8
"""Lines."""

_PROMPTS = ("fn process", "pub struct", "impl", "#[derive(", "mod tests {")
_COMPLETION_FILES = 10
"""Held-out files in which each prompt is completed: with five prompts, 50 completions."""

_BEFORE = 512
"""Tokens of such a file before the prompt, at most: its beginning, up to the end of an item."""

_GREEDY = Sampling(max_new_tokens=256, temperature=0.0, top_p=1.0, batch_size=_COMPLETION_FILES)


class _TrainedModel:
    """A finished model with its tokenizer, loaded from a folder."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = load_tokenizer(str(folder))
        self.encoder = Encoder(self.tokenizer)
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.model = model.train(mode=False)

    def ids(self, pieces: Sequence[Piece]) -> list[int]:
        """Return the token ids of pieces."""
        return [int(each) for each in self.encoder.encode([Sample(tuple(pieces), Kind.FILE)])[0].ids]

    @torch.no_grad()
    def bits(self, context: Sequence[int], ids: Sequence[int]) -> float:
        """Return the nll of ``ids`` after ``context``, in bits, each read with at most `CONTEXT` tokens before it."""
        whole = [*context, *ids]
        return sum(self._window_bits(whole, window) for window in windows(len(context), len(whole)))

    def _window_bits(self, whole: Sequence[int], place: tuple[int, int, int]) -> float:
        """Return the nll of the scored tokens of one of the `windows` of a text, in bits."""
        start, scored, stop = place
        window = torch.tensor([whole[start:stop]])
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = self.model(window[:, :-1], use_cache=False).logits[0, scored - start - 1 :]
        nats = torch.nn.functional.cross_entropy(logits.float(), window[0, scored - start :], reduction="sum")
        return float(nats) / math.log(2)

    @torch.no_grad()
    def continuations(self, prompts: Sequence[Sequence[int]]) -> list[Generated]:
        """Return the greedy continuation of each prompt, and whether the model ended it by itself."""
        continued = generate(self.model, self.tokenizer, [HealedPrompt(ids) for ids in prompts], _GREEDY)
        return [read_generated(self.tokenizer, ids, end_token_ids(self.tokenizer)) for ids in continued]


def windows(context: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Yield windows over ``length`` tokens after the context: start, first scored token, stop.

    >>> list(windows(2, 1600))
    [(0, 2, 1024), (512, 1024, 1536), (1024, 1536, 1600)]
    """
    scored = max(1, context)
    while scored < length:
        stop = min(length, max(scored - scored % _STRIDE + _STRIDE, CONTEXT))
        yield max(0, scored - scored % _STRIDE - _STRIDE), scored, stop
        scored = stop


def report(folder: Path, held_out: Path, files: int) -> str:
    """Return all figures of a model, a line each; ``files`` is how many to read in each language, 0 for all."""
    model = _TrainedModel(folder)
    documents = sorted(read(held_out), key=lambda document: bucket(document.text, 2**32))
    rust, python = ([each for each in documents if each.language == name] for name in ("rust", "python"))
    lines = [
        _compression_line(model, name, each[: files or None]) for name, each in (("rust", rust), ("python", python))
    ]
    some = rust[: files or _INFILL_FILES]
    at_cursor = [_cursor_line(model, some, order) for order in (SUFFIX_FIRST, STARCODER2)]
    return "\n".join([*lines, _infill_line(model, some), *at_cursor, _completion_lines(model, rust)])


def _compression_line(model: _TrainedModel, language: str, documents: Sequence[Document]) -> str:
    """Return bits per byte beside those of xz on the same bytes, in which each package's files stand together."""
    in_order = sorted(documents, key=lambda document: (document.package, document.path))
    code = b"".join(document.text.encode() for document in in_order)
    bits = sum(_document_bits(model, document) for document in documents) / len(code)
    return f"{language}: {bits:.4f} bits per byte, xz -9e {xz(code):.4f} ({len(code):,} held-out bytes)"


def _document_bits(model: _TrainedModel, document: Document) -> float:
    """Return the nll of a document after its heading, in bits."""
    parts = _first_parts(model, document, max_tokens=10**9)
    return model.bits(model.ids((*parts.repository, *parts.path)), model.ids(text_pieces(parts.code, Role.TARGET)))


def _first_parts(model: _TrainedModel, document: Document, max_tokens: int) -> Parts:
    """Return the parts of a document's first sample of at most ``max_tokens`` tokens."""
    return parts_of(left_to_right(document, model.encoder, max_tokens)[0])


def _infill_line(model: _TrainedModel, documents: Sequence[Document]) -> str:
    """Return bits per byte of held-out middles, left to right and with their suffix."""
    random = Random(0)
    size = without = with_suffix = 0.0
    for document in documents:
        parts = _first_parts(model, document, max_tokens=CONTEXT - 64)
        before, middle, after = cut_lines(parts.code, random, _LONGEST_MIDDLE)
        ids = model.ids(text_pieces(middle, Role.TARGET))
        size += len(middle.encode())
        without += model.bits(model.ids((*parts.repository, *parts.path, *text_pieces(before, Role.TARGET))), ids)
        prompt = prefix_first(parts.path, (before, "", after))
        with_suffix += model.bits(model.ids((*parts.repository, *prompt)), ids)
    lower = 100 * (1 - with_suffix / without)
    return f"holes: {without / size:.4f} bits per byte, with suffix {with_suffix / size:.4f} ({lower:.1f} % lower)"


def _cursor_line(model: _TrainedModel, documents: Sequence[Document], order: PromptFormat) -> str:
    """Return bits per byte of held-out text from a cursor to the end of its line, and those of the end of text then."""
    random = Random(0)
    size = of_text = of_end = spans = 0.0
    for document in documents:
        parts = _first_parts(model, document, max_tokens=CONTEXT - 64)
        if (span := cut_at_cursor(parts.code, random, REST_OF_LINE)) is None:
            continue
        before, middle, after = parts.code[: span.start], parts.code[slice(*span)], parts.code[span.stop :]
        shown = infill_pieces(parts.path, text_pieces(before, Role.CONTEXT), text_pieces(after, Role.CONTEXT), order)
        prompt, ids = model.ids((*parts.repository, *shown)), model.ids(text_pieces(middle, Role.TARGET))
        size, spans = size + len(middle.encode()), spans + 1
        of_text += model.bits(prompt, ids)
        of_end += model.bits([*prompt, *ids], model.ids([special_token(END_OF_TEXT)]))
    return (
        f"from a cursor to the end of the line, {order.name}: {of_text / size:.4f} bits per byte, "
        f"{of_end / spans:.2f} bits for the end of text behind it"
    )


def _completion_lines(model: _TrainedModel, documents: Sequence[Document]) -> str:
    """Return the share of completions that parse, and of those that are also finished."""
    contexts = [_beginning(model, document) for document in documents[:_COMPLETION_FILES]]
    written = {prompt: _completions(model, contexts, prompt) for prompt in _PROMPTS}
    parse = _share({prompt: list(map(_parses, found)) for prompt, found in written.items()})
    both = {prompt: [_parses(each) and _is_finished(each) for each in found] for prompt, found in written.items()}
    return f"completions that parse, closed where cut off: {parse}\ncompletions that end and parse: {_share(both)}"


def _share(passed: Mapping[str, Sequence[bool]]) -> str:
    """Return the share that passed, of all and for each prompt, as text.

    >>> _share({"impl": [True, False]})
    '50% (impl 1/2)'
    """
    whole = list(chain.from_iterable(passed.values()))
    by_prompt = ", ".join(f"{prompt} {sum(each)}/{len(each)}" for prompt, each in passed.items())
    return f"{sum(whole) / len(whole):.0%} ({by_prompt})"


def _beginning(model: _TrainedModel, document: Document) -> list[int]:
    """Return the ids of the heading and the beginning of a file up to the end of an item, an empty line after it."""
    parts = _first_parts(model, document, max_tokens=_BEFORE)
    ends = [place for place, level in item_ends(parts.code) if level == 0]
    code = parts.code[: max(ends, default=0)]
    return model.ids((*parts.repository, *parts.path, *text_pieces(code and code + "\n", Role.TARGET)))


def _completions(model: _TrainedModel, contexts: Sequence[Sequence[int]], prompt: str) -> list[Completion]:
    """Complete a prompt after each context."""
    prompt_ids = model.ids(text_pieces("\n" + prompt, Role.TARGET))
    found = model.continuations([[*context, *prompt_ids] for context in contexts])
    return [completion("rust", prompt, each.text, stopped=each.stopped) for each in found]


def _parses(whole: Completion) -> bool:
    """Return whether a completion parses, its open brackets closed if the limit of tokens cut it off."""
    measured = measure("rust", whole)
    return bool(measured and measured.parses)


def _is_finished(whole: Completion) -> bool:
    """Return whether an item is complete; of a module, which may be as long as a file, one function is enough.

    A completion that the limit of tokens cut off is parsed with its brackets closed: a bare ``use super::*;`` would
    pass.
    """
    return whole.finished or (whole.prompt.startswith("mod") and _has_function(whole.prompt, whole.text))


def _has_function(prompt: str, text: str) -> bool:
    """Return whether an unfinished block has a complete function in it.

    >>> [_has_function("mod tests {", text) for text in ("use a; fn b() { c }", "fn b() { c", "use a; // fn")]
    [True, False, False]
    """
    end = inner_end(prompt + text, len(prompt))
    return end is not None and any(token.text == "fn" for token in significant((prompt + text)[:end]))
