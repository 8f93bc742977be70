"""A base for the benchmark: as narrow as the bundled one, with as large a vocabulary as StarCoder2's."""

from typing import Any

__all__ = ["write_wide"]

_VOCABULARY = 49_152


def write_wide(folder: str) -> dict[str, Any]:
    """Write the base, of random weights, with the bundled tokenizer; most of its vocabulary is never read."""
    import torch
    from transformers import Starcoder2Config, Starcoder2ForCausalLM

    from codelm.bases.tokenizer import load_tokenizer

    torch.manual_seed(0)
    tokenizer = load_tokenizer("tiny")
    config = Starcoder2Config(
        vocab_size=_VOCABULARY,
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        sliding_window=None,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
    Starcoder2ForCausalLM(config).bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {}
