"""A byte-level BPE tokenizer as the keys of a GGUF file, as llama.cpp reads it."""

import json
from typing import TYPE_CHECKING, Any

from codelm.errors import InputError
from codelm.special_tokens import FILE_SEPARATOR, MIDDLE, PADDING, PREFIX, REPOSITORY_NAME, SUFFIX

if TYPE_CHECKING:
    from gguf import GGUFWriter

__all__ = ["INFILL_KEYS", "add_tokenizer", "pre_tokenizer"]

INFILL_KEYS = {
    PREFIX: "tokenizer.ggml.fim_pre_token_id",
    SUFFIX: "tokenizer.ggml.fim_suf_token_id",
    MIDDLE: "tokenizer.ggml.fim_mid_token_id",
    PADDING: "tokenizer.ggml.fim_pad_token_id",
    REPOSITORY_NAME: "tokenizer.ggml.fim_rep_token_id",
    FILE_SEPARATOR: "tokenizer.ggml.fim_sep_token_id",
}
"""The keys of the tokens that ask for a middle; llama.cpp finds those of the heading by their keys alone."""


def pre_tokenizer(tokenizer: Any) -> str:
    """Return llama.cpp's name for how a tokenizer cuts text before it merges.

    Raises:
        InputError: It is none of those that a StarCoder2 has.
    """
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    found = content["pre_tokenizer"] or {}
    steps = found.get("pretokenizers", [found])
    by_bytes = steps[-1].get("type") == "ByteLevel" and steps[-1]["use_regex"] and not steps[-1]["add_prefix_space"]
    merges = content["model"]["type"] == "BPE" and content["model"]["merges"]
    known = by_bytes and merges and not content["normalizer"]
    name = {0: "gpt-2", 1: "starcoder"}.get(len(steps) - 1) if known else None
    if name is None or not all(map(_isolates_digits, steps[:-1])):
        raise InputError(
            "the tokenizer of the base is not that of a StarCoder2 (byte-level BPE, digits apart), and would read text"
            " otherwise in llama.cpp: export --format merged"
        )
    return name


def _isolates_digits(step: dict[str, Any]) -> bool:
    """Return whether a step of a pre-tokenizer cuts text before and behind each digit."""
    if step["type"] == "Split":
        return bool(step["pattern"] == {"Regex": r"\p{N}"} and step["behavior"] == "Isolated" and not step["invert"])
    return bool(step["type"] == "Digits" and step["individual_digits"])


def add_tokenizer(writer: "GGUFWriter", tokenizer: Any, size: int) -> None:
    """Add all keys of a tokenizer to a file; ``size`` is the number of rows of the embedding.

    Raises:
        InputError: It is not a StarCoder2's.
    """
    from gguf import TokenType

    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer(tokenizer))
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    by_id = {number: token for token, number in tokenizer.get_vocab().items()}
    control = {each["id"] for each in content["added_tokens"]}
    kinds = [
        TokenType.CONTROL if number in control else TokenType.NORMAL if number in by_id else TokenType.UNUSED
        for number in range(size)
    ]
    writer.add_token_list([by_id.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in content["model"]["merges"]])
    for name in ("bos", "eos", "pad", "unk"):
        if (number := getattr(tokenizer, f"{name}_token_id")) is not None:
            getattr(writer, f"add_{name}_token_id")(number)
    writer.add_add_bos_token(bool(tokenizer("", add_special_tokens=True)["input_ids"]))
    writer.add_add_space_prefix(False)
    for token, key in INFILL_KEYS.items():
        if token in tokenizer.get_vocab():
            writer.add_uint32(key, tokenizer.get_vocab()[token])
