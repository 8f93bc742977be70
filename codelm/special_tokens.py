"""The names of StarCoder2's special tokens, which samples and prompts are written with and generated text ends at."""

__all__ = [
    "END_OF_TEXT",
    "FILE_SEPARATOR",
    "FIM_TOKENS",
    "HEADING_TOKENS",
    "MIDDLE",
    "PADDING",
    "PREFIX",
    "REPOSITORY_NAME",
    "SPECIAL_TOKENS",
    "SUFFIX",
]

REPOSITORY_NAME, FILE_SEPARATOR, END_OF_TEXT = "<repo_name>", "<file_sep>", "<|endoftext|>"
PREFIX, SUFFIX, MIDDLE, PADDING = "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>"
HEADING_TOKENS = frozenset({REPOSITORY_NAME, FILE_SEPARATOR})
"""Those of a sample's heading, its repository and its file."""
FIM_TOKENS = frozenset({PREFIX, SUFFIX, MIDDLE})
SPECIAL_TOKENS = (END_OF_TEXT, REPOSITORY_NAME, FILE_SEPARATOR, PREFIX, SUFFIX, MIDDLE)
