"""What the base model can do, in figures: bits per byte beside xz, holes with and without their suffix, syntax."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from codelm.bases.tokenizer import load_tokenizer
from codelm.git.commits import File
from codelm.history.samples.formats import (
    MIDDLE,
    PREFIX,
    SUFFIX,
    Formats,
    Piece,
    Role,
    Sample,
    file_samples,
    sentinel,
    text,
)
from codelm.history.tokenization.encoding import Encoder
from codelm.metrics.completion import Completion, completion
from codelm.metrics.compression import xz
from codelm.metrics.measures import measure
from codelm.metrics.syntax.rust_items import ends as item_ends
from codelm.metrics.syntax.rust_items import inner_end
from codelm.metrics.syntax.rust_lexer import significant
from codelm.modules.generation import Generated, Sampling, generate, stop_ids
from codelm.modules.generation import read as read_generated
from experiments.pretrain.corpus import Document, bucket, read
from experiments.pretrain.documents import Parts, cut_lines, taken_apart

CONTEXT = 1024
STRIDE = 512
HOLES = 300
LONGEST_HOLE = 8
"""Lines."""

PROMPTS = ("fn process", "pub struct", "impl", "#[derive(", "mod tests {")
PLACES = 10
"""Held-out files in which each prompt is completed: with five prompts, 50 completions."""

BEFORE = 512
"""Tokens of such a file before the prompt, at most: its beginning, up to where an item ends."""

GREEDY = Sampling(max_new_tokens=256, temperature=0.0, top_p=1.0, batch_size=PLACES)


class Judge:
    """A finished model and its tokenizer."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = load_tokenizer(str(folder))
        self.encoder = Encoder(self.tokenizer)
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.model = model.train(mode=False)

    def ids(self, pieces: Sequence[Piece]) -> list[int]:
        """Return the tokens of pieces."""
        return [int(each) for each in self.encoder.encode([Sample(tuple(pieces), kind=0)])[0].ids]  # type: ignore[arg-type]

    @torch.no_grad()
    def bits(self, context: Sequence[int], ids: Sequence[int]) -> float:
        """Return the bits that ``ids`` take after ``context``, each seen with at most `CONTEXT` tokens before it."""
        whole = [*context, *ids]
        return sum(self._window(whole, start, learn, stop) for start, learn, stop in spans(len(context), len(whole)))

    def _window(self, whole: Sequence[int], start: int, learn: int, stop: int) -> float:
        """Return the bits of the tokens from ``learn`` to ``stop``, read from ``start``."""
        window = torch.tensor([whole[start:stop]])
        with torch.autocast("cpu", torch.bfloat16):
            logits: Tensor = self.model(window[:, :-1], use_cache=False).logits[0, learn - start - 1 :]
        return float(
            torch.nn.functional.cross_entropy(logits.float(), window[0, learn - start :], reduction="sum")
        ) / math.log(2)

    @torch.no_grad()
    def write(self, places: Sequence[Sequence[int]]) -> list[Generated]:
        """Return the likeliest continuation of each text, and whether the model ended it by itself."""
        written = generate(self.model, self.tokenizer, places, GREEDY)
        return [read_generated(self.tokenizer, ids, stop_ids(self.tokenizer)) for ids in written]


def spans(context: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Yield windows over ``length`` tokens: where each starts, from where on it counts, where it stops.

    >>> list(spans(2, 1600))
    [(0, 2, 1024), (512, 1024, 1536), (1024, 1536, 1600)]
    """
    learn = max(1, context)
    while learn < length:
        stop = min(length, max(learn - learn % STRIDE + STRIDE, CONTEXT))
        yield max(0, learn - learn % STRIDE - STRIDE), learn, stop
        learn = stop


def report(folder: Path, held_out: Path, files: int) -> str:
    """Return the table of all figures; ``files`` of the held-out files of each language, 0 for all."""
    judge = Judge(folder)
    documents = sorted(read(held_out), key=lambda document: bucket(document.text, 2**32))
    rust, python = ([each for each in documents if each.language == name] for name in ("rust", "python"))
    lines = [compare(judge, name, each[: files or None]) for name, each in (("rust", rust), ("python", python))]
    return "\n".join([*lines, fill(judge, rust[: files or HOLES]), complete(judge, rust)])


def compare(judge: Judge, language: str, documents: Sequence[Document]) -> str:
    """Return bits per byte beside those of xz on the same bytes, a package's files together: so it needs fewer."""
    in_order = sorted(documents, key=lambda document: (document.package, document.path))
    code = b"".join(document.text.encode() for document in in_order)
    bits = sum(surprise(judge, document) for document in documents) / len(code)
    return f"{language}: {bits:.4f} bits per byte, xz -9e {xz(code):.4f} ({len(code):,} held-out bytes)"


def surprise(judge: Judge, document: Document) -> float:
    """Return the bits of a document after its heading."""
    parts = parts_of(judge, document, room=10**9)
    return judge.bits(judge.ids((*parts.repository, *parts.path)), judge.ids(text(parts.code, Role.TARGET)))


def parts_of(judge: Judge, document: Document, room: int) -> Parts:
    """Return the first part of a document that fits ``room`` tokens, taken apart."""
    file = File(document.path, blob="", text=document.text)
    first = file_samples(document.package, file, Formats(), room, judge.encoder.count, judge.encoder.special)[0]
    return taken_apart(first)


def fill(judge: Judge, documents: Sequence[Document]) -> str:
    """Return bits per byte of held-out holes, left to right and with what stands behind them."""
    random = Random(0)
    size = without = with_suffix = 0.0
    for document in documents:
        parts = parts_of(judge, document, room=CONTEXT - 64)
        before, hole, after = cut_lines(parts.code, random, LONGEST_HOLE)
        ids = judge.ids(text(hole, Role.TARGET))
        size += len(hole.encode())
        without += judge.bits(judge.ids((*parts.repository, *parts.path, *text(before, Role.TARGET))), ids)
        given = (sentinel(PREFIX), *parts.path, *text(before, Role.TARGET), sentinel(SUFFIX), *text(after, Role.TARGET))
        with_suffix += judge.bits(judge.ids((*parts.repository, *given, sentinel(MIDDLE))), ids)
    lower = 100 * (1 - with_suffix / without)
    return f"holes: {without / size:.4f} bits per byte, with suffix {with_suffix / size:.4f} ({lower:.1f} % lower)"


def complete(judge: Judge, documents: Sequence[Document]) -> str:
    """Return the share of completions that parse, and of those that also come to their end."""
    places = [beginning(judge, document) for document in documents[:PLACES]]
    judged = {prompt: judge_completions(judge, places, prompt) for prompt in PROMPTS}
    parse = share({prompt: [each.parses for each in found] for prompt, found in judged.items()})
    end = share({prompt: [each.parses and each.ends for each in found] for prompt, found in judged.items()})
    return f"completions that parse, closed where cut off: {parse}\ncompletions that end and parse: {end}"


def share(passed: Mapping[str, Sequence[bool]]) -> str:
    """Return how much of everything passed, and how much of each part.

    >>> share({"impl": [True, False]})
    '50% (impl 1/2)'
    """
    whole = [each for part in passed.values() for each in part]
    parts = ", ".join(f"{name} {sum(part)}/{len(part)}" for name, part in passed.items())
    return f"{sum(whole) / len(whole):.0%} ({parts})"


def beginning(judge: Judge, document: Document) -> list[int]:
    """Return the heading and the beginning of a file up to the end of an item, an empty line after it."""
    parts = parts_of(judge, document, room=BEFORE)
    ends = [place for place, level in item_ends(parts.code) if level == 0]
    code = parts.code[: max(ends, default=0)]
    return judge.ids((*parts.repository, *parts.path, *text(code and code + "\n", Role.TARGET)))


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a completion parses, its open brackets closed if the limit of tokens cut it off, and whether it ended."""

    parses: bool
    ends: bool


def judge_completions(judge: Judge, places: Sequence[Sequence[int]], prompt: str) -> list[Judged]:
    """Complete a prompt at each place and judge what was written."""
    asked = judge.ids(text("\n" + prompt, Role.TARGET))
    wholes = [
        completion("rust", prompt, written.text, stopped=written.stopped)
        for written in judge.write([[*place, *asked] for place in places])
    ]
    return [Judged(parses(whole), came_to_an_end(whole)) for whole in wholes]


def parses(whole: Completion) -> bool:
    """Tell whether a completion parses."""
    measured = measure("rust", whole)
    return bool(measured and measured.parses)


def came_to_an_end(whole: Completion) -> bool:
    """Tell whether an item is whole; of a module, which may be as long as a file, a whole function is enough.

    What the limit of tokens cut off has its brackets closed before it is parsed: a bare ``use super::*;`` would pass.
    """
    return whole.finished or (whole.prompt.startswith("mod") and holds_function(whole.prompt, whole.text))


def holds_function(prompt: str, text: str) -> bool:
    """Tell whether what an unfinished block holds as a whole has a function in it.

    >>> [holds_function("mod tests {", text) for text in ("use a; fn b() { c }", "fn b() { c", "use a; // fn")]
    [True, False, False]
    """
    end = inner_end(prompt + text, len(prompt))
    return end is not None and any(token.text == "fn" for token in significant((prompt + text)[:end]))
