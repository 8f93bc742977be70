"""Special tokens by name, and the formats of prompts: how models were trained to read these tokens and text.

A format is data. What is written and asked for in it lies in `codelm.history.samples`, what a tokenizer has of it in
`codelm.history.tokenization.encoder`, which models take which one in `codelm.bases.families`.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from enum import StrEnum

__all__ = [
    "AUTO",
    "END_OF_TEXT",
    "FILE_SEPARATOR",
    "FORMATS",
    "FORMAT_SETTINGS",
    "LEFT_TO_RIGHT",
    "MIDDLE",
    "PADDING",
    "PREFIX",
    "REPOSITORY_NAME",
    "SPECIAL_TOKENS",
    "STARCODER2",
    "SUFFIX",
    "SUFFIX_FIRST",
    "TEXT_ENDS",
    "PromptFormat",
    "Slot",
]


class Slot(StrEnum):
    """A place in a format that text fills."""

    REPOSITORY = "{repository}"
    REPOSITORY_LINE = "{repository}\n"
    PATH_LINE = "{path}\n"
    BEFORE = "{before}"
    AFTER = "{after}"


REPOSITORY_NAME, FILE_SEPARATOR, END_OF_TEXT = "<repo_name>", "<file_sep>", "<|endoftext|>"
PREFIX, SUFFIX, MIDDLE, PADDING = "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>"
SPECIAL_TOKENS = (END_OF_TEXT, REPOSITORY_NAME, FILE_SEPARATOR, PREFIX, SUFFIX, MIDDLE)
"""StarCoder2's, which the bundled base has, too."""


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """Special tokens by name and slots for text, in the order in which a model has read them.

    Attributes:
        name: What the setting, the manifest and the messages call it.
        infill: What asks for the text between ``{before}`` and ``{after}``, which follows it; () where nothing does.
        heading: What stands before a file; () where nothing does.
        separator: What stands between two files of a prompt.
        begin: The beginning of every text, where the model has one.
        end: The end of a text. The tokenizer's own end of sequence stands in where it has none by this name.
        end_of_middle: The end of what was filled in, where it is not that of a text.
    """

    name: str
    infill: tuple[str, ...] = ()
    heading: tuple[str, ...] = ()
    separator: str | None = None
    begin: str | None = None
    end: str | None = END_OF_TEXT
    end_of_middle: str | None = None

    @property
    def infill_tokens(self) -> tuple[str, ...]:
        """The special tokens of an infill task."""
        return _tokens(self.infill)

    @property
    def continues(self) -> bool:
        """Whether what is filled in goes on with the text before it, without a special token between the two."""
        return bool(self.infill) and self.infill[-1] == Slot.BEFORE

    @property
    def heading_tokens(self) -> tuple[str, ...]:
        """The special tokens before a file."""
        return _tokens(self.heading)

    @property
    def tokens(self) -> tuple[str, ...]:
        """All special tokens, each once."""
        single = (self.begin, self.separator, self.end, self.end_of_middle)
        return tuple(dict.fromkeys((*self.heading_tokens, *self.infill_tokens, *filter(None, single))))

    @property
    def around_after(self) -> tuple[str, str]:
        """The special tokens before and behind the text that follows the span to fill in."""
        place = self.infill.index(Slot.AFTER)
        return self.infill[place - 1], self.infill[place + 1]

    @property
    def starts(self) -> tuple[str, ...]:
        """The special tokens after which text begins as a file does; after the others it goes on."""
        before = self.infill[: self.infill.index(Slot.BEFORE)] if self.infill else ()
        return tuple(filter(None, (self.begin, *_tokens(before)[-1:])))

    def within(self, names: Set[str]) -> "PromptFormat":
        """Return what is left of the format with a tokenizer that has only the special tokens of these names.

        Without the heading there is no path either: a bare one would teach that files begin with their names.
        """
        heading = self.heading if names >= set(self.heading_tokens) else ()
        infill = self.infill if names >= set(self.infill_tokens) else ()
        if heading != self.heading:
            infill = tuple(part for part in infill if part != Slot.PATH_LINE)
        singles = (self.separator, self.begin, self.end, self.end_of_middle)
        separator, begin, end, end_of_middle = (token if token in names else None for token in singles)
        return PromptFormat(self.name, infill, heading, separator, begin, end, end_of_middle)


def _tokens(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if not isinstance(part, Slot))


_PATH, _BEFORE, _AFTER = Slot.PATH_LINE, Slot.BEFORE, Slot.AFTER
_BARRED = ("<|fim_prefix|>", _BEFORE, "<|fim_suffix|>", _AFTER, "<|fim_middle|>")
_STARCODER = (PREFIX, _BEFORE, SUFFIX, _AFTER, MIDDLE)

STARCODER2 = PromptFormat(
    "starcoder2",
    infill=(PREFIX, _PATH, _BEFORE, SUFFIX, _AFTER, MIDDLE),
    heading=(REPOSITORY_NAME, Slot.REPOSITORY, FILE_SEPARATOR),
    separator=FILE_SEPARATOR,
)
SUFFIX_FIRST = replace(STARCODER2, name="starcoder2-spm", infill=(PREFIX, SUFFIX, _AFTER, MIDDLE, _PATH, _BEFORE))
"""StarCoder2's other order, in which half of its holes were: what is filled in goes on with what stands before it."""
LEFT_TO_RIGHT = replace(STARCODER2, name="left-to-right", infill=())
"""For models without a format of their own; of tokenizers that have StarCoder2's heading, it is taken, too."""

_ALL = (
    STARCODER2,
    SUFFIX_FIRST,
    LEFT_TO_RIGHT,
    PromptFormat("starcoder", _STARCODER),
    PromptFormat("santacoder", ("<fim-prefix>", _BEFORE, "<fim-suffix>", _AFTER, "<fim-middle>")),
    PromptFormat("granite-3.3", _STARCODER, end="<|end_of_text|>"),
    PromptFormat("granite-4", _BARRED, end="<|end_of_text|>"),
    PromptFormat(
        "qwen2.5-coder",
        infill=(_PATH, *_BARRED),
        heading=("<|repo_name|>", Slot.REPOSITORY_LINE, "<|file_sep|>"),
        separator="<|file_sep|>",
    ),
    PromptFormat(
        "codegemma",
        infill=(_PATH, *_BARRED),
        separator="<|file_separator|>",
        begin="<bos>",
        end="<eos>",
        end_of_middle="<|file_separator|>",
    ),
    PromptFormat(
        "deepseek-coder",  # the bars are U+FF5C, the low lines U+2581: rendered pages show others
        ("<\uff5cfim\u2581begin\uff5c>", _BEFORE, "<\uff5cfim\u2581hole\uff5c>", _AFTER, "<\uff5cfim\u2581end\uff5c>"),
        begin="<\uff5cbegin\u2581of\u2581sentence\uff5c>",
        end="<\uff5cend\u2581of\u2581sentence\uff5c>",
    ),
    PromptFormat(
        "codellama",
        ("\u2581<PRE>", _BEFORE, "\u2581<SUF>", _AFTER, "\u2581<MID>"),
        begin="<s>",
        end="</s>",
        end_of_middle="\u2581<EOT>",
    ),
    PromptFormat("codestral", ("[SUFFIX]", _AFTER, "[PREFIX]", _BEFORE), begin="<s>", end="</s>"),
    PromptFormat(
        "seed-coder",
        ("<[fim-suffix]>", _AFTER, "<[fim-prefix]>", _BEFORE, "<[fim-middle]>"),
        end="<[end\u2581of\u2581sentence]>",
    ),
    PromptFormat(
        "mellum",
        infill=(_PATH, SUFFIX, _AFTER, PREFIX, _BEFORE, MIDDLE),
        heading=("<filename>",),
        separator="<filename>",
    ),
    PromptFormat(
        "aixcoder",
        ("\u2581<AIX-SPAN-PRE>", "\u2581<AIX-SPAN-POST>", _AFTER, "\u2581<AIX-SPAN-MIDDLE>", _BEFORE),
        begin="<s>",
        end="</s>",
    ),
    PromptFormat("lfm2", ("<|fim_pre|>", _BEFORE, "<|fim_suf|>", _AFTER, "<|fim_mid|>")),
    PromptFormat("incoder", (_BEFORE, "<|mask:0|>", _AFTER, "<|mask:1|>", "<|mask:0|>"), end_of_middle="<|endofmask|>"),
    PromptFormat("falcon-h1", ("<|prefix|>", _BEFORE, "<|suffix|>", _AFTER, "<|middle|>")),
)
FORMATS = {each.name: each for each in _ALL}
"""All formats by name, as their authors published them; docs/models.md lists the sources."""
AUTO = "auto"
FORMAT_SETTINGS = (AUTO, *FORMATS)
"""What the setting of the format takes; "auto" leaves it to the name of the base and to its tokens."""

_NO_TEXT = ("<|fim_pad|>", "<fim-pad>", PADDING, "<reponame>", "<gh_stars>", "<|im_start|>", "<|im_end|>")
TEXT_ENDS = tuple(dict.fromkeys([END_OF_TEXT, *(name for each in _ALL for name in each.tokens), *_NO_TEXT]))
"""Special tokens that no text holds: where a model writes one that its tokenizer has, its text has ended."""
