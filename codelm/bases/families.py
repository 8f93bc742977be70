"""Families of models by name: the format in which each was published, and whether it was trained to fill in with it.

That a vocabulary has the tokens proves nothing: several models carry those of a relative, untrained. Sources, read in
November 2026, are named in docs/models.md.
"""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from codelm.bases import locate, public_name
from codelm.errors import InputError
from codelm.special_tokens import AUTO, FORMATS, LEFT_TO_RIGHT, SUFFIX_FIRST, PromptFormat

__all__ = ["Decision", "Family", "Trained", "decide", "family_of", "identities"]


class Trained(StrEnum):
    """Whether a model was trained to fill in the middle of a text."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Family:
    """The format of a family of models, and whether they were trained with it."""

    format: PromptFormat
    trained: Trained


_UNTRAINED = (
    (r"opencoder|yi-coder", "starcoder"),
    (r"deepseek-coder-v2-(?!lite)|deepseek-coder.*instruct|deepseek-coder-v2$", "deepseek-coder"),
    (r"codellama.*(python|34b)", "codellama"),
    (r"mamba-codestral", "codestral"),
    (r"codegemma.*-it\b", "codegemma"),
)
"""Models that have the tokens and were not trained with them, by their makers' word or that of those who tried."""

_TRAINED = (
    (r"starcoder2", "starcoder2"),  # its architecture's name, too: no other family has it
    (r"starcoder|codeshell|stable-code-3b|refact-1[._]6b-fim|codeqwen1[.]5-7b$", "starcoder"),
    (r"granite-(3|8|20|34)b-code-base", "starcoder"),
    (r"santacoder", "santacoder"),
    (r"granite-3[.]3.*base", "granite-3.3"),
    (r"granite-4[.]\d.*base", "granite-4"),
    (r"qwen2[.]5-coder|qwen3-coder", "qwen2.5-coder"),
    (r"codegemma", "codegemma"),
    (r"deepseek-coder", "deepseek-coder"),
    (r"codellama-(7b|13b)(-hf)?$", "codellama"),
    (r"codestral", "codestral"),
    (r"seed-coder.*base", "seed-coder"),
    (r"mellum-4b", "mellum"),
    (r"aixcoder-7b", "aixcoder"),
    (r"\bincoder", "incoder"),
)

_UNPROVEN = (
    (r"granite-.*code|codeqwen", "starcoder"),
    (r"granite-3", "granite-3.3"),
    (r"granite-4", "granite-4"),
    (r"qwen", "qwen2.5-coder"),
    (r"codellama", "codellama"),
    (r"stable-code|refact", "starcoder"),
    (r"seed-coder", "seed-coder"),
    (r"mellum", "mellum"),
    (r"lfm2", "lfm2"),
    (r"falcon-h1.*coder", "falcon-h1"),
)
"""Models that may have been trained, as far as is published: relatives of those above, and tuned on conversations."""

_ROWS = (
    *((pattern, Family(FORMATS[name], Trained.NO)) for pattern, name in _UNTRAINED),
    *((pattern, Family(FORMATS[name], Trained.YES)) for pattern, name in _TRAINED),
    *((pattern, Family(FORMATS[name], Trained.UNKNOWN)) for pattern, name in _UNPROVEN),
)
_TUNED_TO_TALK = re.compile(r"instruct|chat|reason|-it\b")
_STILL_TRAINED = re.compile(r"^qwen")
"""Qwen's models keep what they learned of it through tuning on conversations, by their maker's word."""
_BUNDLED = {"tiny": Family(SUFFIX_FIRST, Trained.YES)}
"""Of the package's own, which learned both orders: with the suffix first it fills in better (MODEL_CARD.md)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The format that samples are written in.

    Attributes:
        format: The format.
        notice: Why samples are left to right alone; None where hunks are filled in, or the format was forced.
        candidate: A format that the base may have been trained with: a measurement can tell.
    """

    format: PromptFormat
    notice: str | None = None
    candidate: PromptFormat | None = None


def identities(base: str, given_name: str | None = None) -> list[str]:
    """Return what a base is known by: a name given for it, its own, that by which others find it, its architecture's.

    A folder's architecture and its name before it was copied are read from its ``config.json``.
    """
    names = [given_name, base, public_name(base)]
    config = Path(locate(base)) / "config.json"
    if config.is_file():
        with suppress(ValueError, AttributeError):  # whoever loads the model says what is wrong with it
            content = json.loads(config.read_text("utf-8"))
            names += [content.get("_name_or_path"), content.get("model_type")]
    return list(dict.fromkeys(name for name in names if name and isinstance(name, str)))


def family_of(names: Sequence[str], has_token: Callable[[str], bool]) -> Family | None:
    """Return the family of a base; where no name is known, one whose tokens it has, for which nobody vouches.

    Of families with the same tokens of holes the one is taken of whose other tokens the base has most. So it is where
    nobody vouches for a name and its tokens are not there: ``qwen2`` may be the architecture of any base.

    Args:
        names: Its `identities`.
        has_token: Returns whether its tokenizer has the special token of that name.

    >>> family_of(["Qwen/Qwen2.5-Coder-1.5B"], lambda name: False).format.name
    'qwen2.5-coder'
    """
    for name in names:
        if name in _BUNDLED:
            return _BUNDLED[name]
        last = name.lower().rstrip("/").rpartition("/")[2]
        for pattern, family in _ROWS:
            if re.search(pattern, last):
                if family.trained == Trained.UNKNOWN and _lacking(family.format, has_token):
                    return _alike(has_token) or family
                forgets = _TUNED_TO_TALK.search(last) and not _STILL_TRAINED.search(last)
                return replace(family, trained=Trained.UNKNOWN) if forgets and family.trained == Trained.YES else family
    return _alike(has_token)


def _alike(has_token: Callable[[str], bool]) -> Family | None:
    """Return the family whose format has the most tokens there, those that are not there taken off."""
    formats = [each for each in FORMATS.values() if each.infill and not _lacking(each, has_token)]
    if not formats:
        return None
    best = max(formats, key=lambda each: sum(1 if has_token(name) else -1 for name in each.tokens))
    return Family(best, Trained.UNKNOWN)


def decide(setting: str, names: Sequence[str], has_token: Callable[[str], bool]) -> Decision:
    """Return the format to write samples of a base in.

    Args:
        setting: A format's name, which forces it, or "auto".
        names: The base's `identities`.
        has_token: Returns whether its tokenizer has the special token of that name.

    Raises:
        InputError: The tokenizer lacks a special token of the format that is forced.
    """
    if setting != AUTO:
        wanted = FORMATS[setting]
        if lacking := _lacking(wanted, has_token):
            raise InputError(f"the tokenizer of {names[0]} has no {lacking}: give another data.formats.fim_format")
        return Decision(wanted)
    family = family_of(names, has_token)
    if family is None:
        return _left_to_right(f"no format to fill in the middle is known of {names[0]}")
    if lacking := _lacking(family.format, has_token):
        return _left_to_right(f"the tokenizer has no {lacking}")
    if family.trained == Trained.YES:
        return Decision(family.format)
    return _untrained(names[0], family)


def _lacking(prompt_format: PromptFormat, has_token: Callable[[str], bool]) -> str:
    return ", ".join(name for name in prompt_format.infill_tokens if not has_token(name))


def _left_to_right(why: str) -> Decision:
    return Decision(LEFT_TO_RIGHT, f"{why}: changes are learned left to right only")


def _untrained(base: str, family: Family) -> Decision:
    """Return the decision for a base that has the tokens, and was not trained with them or may not have been."""
    tokens = f"{base} has the special tokens of format {family.format.name}"
    if family.trained == Trained.NO:
        return _left_to_right(f"{tokens} and was not trained with them (data.formats.fim_format forces it)")
    decision = _left_to_right(f"{tokens}, and nobody says that it was trained with them")
    return replace(decision, candidate=family.format)
