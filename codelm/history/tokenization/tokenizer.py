"""Hugging Face's fast tokenizers: what is used of them, and checks of their special tokens."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from codelm.errors import InputError
from codelm.special_tokens import TEXT_ENDS

if TYPE_CHECKING:
    from tokenizers import Tokenizer as _Backend

__all__ = [
    "Tokenizer",
    "beginning",
    "check_special_token",
    "fingerprint",
    "largest_id",
    "refuse_equal_ids",
    "text_only",
    "without_leading_space",
]

_BRACKETED = re.compile(r"\u2581?[<\[].*[>\]]")
_ELEMENTS = (
    "a abbr address area article aside audio b base bdi bdo big blockquote body br button canvas caption center "
    "cite code col colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset figcaption figure "
    "font footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label legend li link main "
    "map mark menu meta meter nav noscript object ol optgroup option output p picture pre progress q rp rt ruby s "
    "samp script section select slot small source span strike strong style sub summary sup table tbody td template "
    "textarea tfoot th thead time title tr track tt u ul var video wbr"
)
_TAG = re.compile(rf"</?({_ELEMENTS.replace(' ', '|')})>")
"""An element of HTML: Gemma's vocabulary has such tokens, which stand for text and nothing else."""


class Tokenizer(Protocol):
    """A fast tokenizer, ``transformers.PreTrainedTokenizerFast``."""

    eos_token_id: int | None
    unk_token_id: int | None

    @property
    def backend_tokenizer(self) -> "_Backend":
        """The tokenizer in Rust."""


def text_only(backend: "_Backend") -> "_Backend":
    """Return a copy that reads special tokens as text, and neither truncates, pads nor shifts offsets.

    Qwen and CodeGemma mark some of theirs as not special; tokenizers 0.23 would find those in any text.
    """
    description = json.loads(backend.to_str()) | {"truncation": None, "padding": None, "post_processor": None}
    for token in description["added_tokens"]:
        token["special"] = token["special"] or _looks_special(token["content"])
    copy = type(backend).from_str(json.dumps(description))
    copy.encode_special_tokens = True
    return copy


def without_leading_space(backend: "_Backend") -> "_Backend":
    """Return a tokenizer that puts no space before a text, as SentencePiece does; itself where it does not.

    Mistral and the authors of CodeLlama put one before the text before a hole, and none before what follows it.
    """
    description = json.loads(backend.to_str())
    changed = description | {part: _spaceless(description[part]) for part in ("normalizer", "pre_tokenizer", "decoder")}
    if changed == description:
        return backend
    copy = type(backend).from_str(json.dumps(changed))
    copy.encode_special_tokens = True
    return copy


def _spaceless(part: Any) -> Any:
    """Return a part of a tokenizer's description that neither adds nor takes off a space at the start."""
    if isinstance(part, list):
        return [_spaceless(each) for each in part if each.get("type") != "Prepend"]
    if not isinstance(part, dict):
        return part
    if part["type"] == "Prepend":
        return None
    inner = {name: _spaceless(value) if isinstance(value, list) else value for name, value in part.items()}
    if part["type"] == "Strip" and "start" in part:  # the decoder of that name, and not the normaliser
        return inner | {"start": 0}
    return inner | {"prepend_scheme": "never"} if part["type"] == "Metaspace" else inner


def _looks_special(content: str) -> bool:
    """Return whether an added token is there to steer a model; others are spaces or words, which text may become."""
    return content in TEXT_ENDS or bool(_BRACKETED.fullmatch(content) and not _TAG.fullmatch(content))


def beginning(backend: "_Backend") -> str | None:
    """Return the name of the token that a tokenizer puts before each text, or None."""
    with_it, without = (backend.encode("a", add_special_tokens=each).ids for each in (True, False))
    return backend.id_to_token(with_it[0]) if with_it[:1] != without[:1] else None


def refuse_equal_ids(ids: Mapping[str, int], tokenizer: Tokenizer) -> None:
    """Refuse special tokens that cannot be told apart, or from the end of sequence or the unknown token.

    Raises:
        InputError: Two have one id, or one has that of either.
    """
    others = {"the end of sequence": tokenizer.eos_token_id, "the unknown token": tokenizer.unk_token_id}
    names: dict[int, str] = {token: name for name, token in others.items() if token is not None}
    for name, token in ids.items():
        if token in names:
            raise InputError(
                f"the tokenizer has one id for {name} and {names[token]}: give another base, or "
                "data.formats.fim_format left-to-right"
            )
        names[token] = name


def check_special_token(name: str, token: int, backend: "_Backend", text_only: "_Backend") -> None:
    """Check that a special token is one token, and that ordinary text cannot contain it.

    Args:
        name: The special token as text.
        token: Its id.
        backend: The tokenizer, which finds special tokens in text.
        text_only: Its copy by `text_only`, which must not.

    Raises:
        InputError: The special token is several tokens, or is found in ordinary text.
    """
    [parsed, plain] = [each.encode_batch([name], add_special_tokens=False)[0].ids for each in (backend, text_only)]
    if parsed != [token]:
        raise InputError(f"the tokenizer splits {name} into {len(parsed)} tokens: give one that holds it as one")
    if token in plain:
        raise InputError(f"the tokenizer finds {name} in ordinary text: give one that has it as an added token")


def largest_id(text_only: "_Backend", special_ids: dict[str, int]) -> int:
    """Return the largest token id that a text or a special token of the format becomes.

    Other special tokens do not count: a base may have more of them than its model has rows.
    """
    added = [token for token, known in text_only.get_added_tokens_decoder().items() if not known.special]
    return max([*text_only.get_vocab(with_added_tokens=False).values(), *added, *special_ids.values()])


def fingerprint(backend: "_Backend", special_ids: dict[str, int]) -> str:
    """Return the SHA-256 of all that decides which tokens a text becomes."""
    return hashlib.sha256((backend.to_str() + json.dumps(special_ids, sort_keys=True)).encode()).hexdigest()
