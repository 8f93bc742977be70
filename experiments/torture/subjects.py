"""What is tortured: a base of two layers with a tokenizer of bytes, and a small Rust project with a history."""

from pathlib import Path
from typing import Any

from experiments.torture.fast_import import Commit, make_repository

__all__ = ["byte_tokenizer", "merging_tokenizer", "rust_commits", "write_base", "write_repository"]

_NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")


def rust_commits(count: int = 40) -> list[Commit]:
    """Return commits that each add a function to a small Rust project, some with a lock file and build output."""
    code = {name: f"//! All about {name}.\n" for name in _NAMES}
    return [_rust_commit(code, number) for number in range(count)]


def _rust_commit(code: dict[str, str], number: int) -> Commit:
    name = _NAMES[number % len(_NAMES)]
    code[name] += (
        f"\n/// Adds {number} to a {name}.\npub fn add_{name}_{number}(value: u64) -> Option<u64> {{\n"
        f"    let {name}_{number} = value.checked_add({number * 7919})?;\n"
        f"    Some({name}_{number} * {number + 2})\n}}\n"
    )
    files: dict[str | bytes, str | bytes | None] = {f"src/{name}.rs": code[name]}
    if number % 10 == 0:
        files |= {"Cargo.lock": f"version = {number}\n", "target/out.rs": "fn made() {}\n" * number}
    author = f"Author {number % 3} <a{number % 3}@example.org>"
    return files, {"message": f"Add {number} to {name}", "author": author}


def write_repository(folder: Path, count: int = 40) -> Path:
    """Make the repository of the small Rust project."""
    return make_repository(folder, rust_commits(count))


def byte_tokenizer(merges: tuple[tuple[str, str], ...] = ()) -> Any:
    """Return a tokenizer of one token per byte, after the special tokens of our formats; the end of text is token 0.

    Each merge takes the place of the last byte that is still there.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from codelm.special_tokens import END_OF_TEXT, SPECIAL_TOKENS

    names = [*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    names[len(names) - len(merges) :] = ["".join(pair) for pair in merges]
    vocabulary = {name: number for number, name in enumerate(names)}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(SPECIAL_TOKENS))
    loader: Any = PreTrainedTokenizerFast
    return loader(tokenizer_object=backend, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, unk_token=END_OF_TEXT)


def write_base(folder: Path, *, positions: int = 128, tokenizer: Any = None) -> Path:
    """Write a StarCoder2 of two layers and some ten thousand random parameters, with its tokenizer.

    Args:
        folder: Where to.
        positions: The longest sequence in tokens.
        tokenizer: The tokenizer; that of bytes if None.
    """
    import torch
    from transformers import Starcoder2Config, Starcoder2ForCausalLM

    torch.manual_seed(0)
    tokenizer = tokenizer or byte_tokenizer()
    config = Starcoder2Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        sliding_window=None,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.2,  # far from uniform: a wrong mask then shows
    )
    Starcoder2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def merging_tokenizer() -> Any:
    """Return the tokenizer of bytes with one merge: GGUF has no other."""
    return byte_tokenizer((("f", "n"),))
