"""The tokenizer: byte-level BPE with StarCoder2's special tokens by the same names."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from codelm.special_tokens import END_OF_TEXT, FILE_SEPARATOR, MIDDLE, PADDING, PREFIX, REPOSITORY_NAME, SUFFIX

__all__ = ["save", "train_bpe"]

_SPECIAL_TOKENS = [END_OF_TEXT, PREFIX, MIDDLE, SUFFIX, PADDING, REPOSITORY_NAME, FILE_SEPARATOR]
"""In this order from id 0; StarCoder2's first one is begin, end, unknown and padding at once."""


def train_bpe(texts: Iterable[str], entries: int) -> Tokenizer:
    """Return a tokenizer of ``entries`` byte-level sub-words, digits apart as in StarCoder2."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r"\p{N}"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=entries, special_tokens=_SPECIAL_TOKENS, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path, positions: int) -> None:
    """Write the files that `AutoTokenizer` loads; ``positions`` is the longest text the model takes, in tokens."""
    names = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), END_OF_TEXT)
    fast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        additional_special_tokens=_SPECIAL_TOKENS[1:],
        model_max_length=positions,
        clean_up_tokenization_spaces=False,
        **names,
    )
    fast.save_pretrained(folder)
