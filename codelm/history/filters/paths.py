"""Matching of paths: gitignore patterns, and the attributes of a ``.gitattributes`` file."""

from collections.abc import Callable, Iterable, Sequence

import pathspec

from codelm.errors import InputError

__all__ = ["PathMatch", "attribute_patterns", "matcher"]

PathMatch = tuple[bool | None, str]
"""The last pattern that matches a path, after whether it includes the path; (None, "") where no pattern matches."""


def matcher(patterns: Iterable[str], source: str) -> Callable[[str], PathMatch]:
    """Return a function that matches paths with gitignore patterns: the last that matches decides, ``!`` excludes.

    Raises:
        InputError: A pattern is not valid; the message names ``source``.
    """
    lines = [line for line in patterns if line.strip()]
    for line in lines:
        if not _is_pattern(line):
            raise InputError(f"{source}: {line!r} is no gitignore pattern; write for example 'target/' or '*.rlib'")
    # The plain engine is always there: what is ignored must not depend on which others are installed.
    spec = pathspec.GitIgnoreSpec.from_lines(lines, backend="simple")

    def match(path: str) -> PathMatch:
        result = spec.check_file(path)
        return result.include, "" if result.index is None else lines[result.index]

    return match


def _is_pattern(line: str) -> bool:
    try:
        pathspec.GitIgnoreSpec.from_lines([line], backend="simple")
    except ValueError:
        return False
    return True


def attribute_patterns(attributes: str, name: str) -> list[str]:
    r"""Return gitignore patterns for the paths with an attribute, from the text of a ``.gitattributes`` file.

    Unsetting the attribute becomes a pattern that excludes. A pattern that names a folder covers what is in it, which
    is what people mean by it, though git itself requires ``folder/**``. Lines that cannot be read are skipped, as git
    does.

    >>> attribute_patterns("*.pb.rs linguist-generated\nown.pb.rs -linguist-generated", "linguist-generated")
    ['*.pb.rs', '!own.pb.rs']
    """
    lines = (_pattern_and_words(line.strip()) for line in attributes.splitlines())
    prefixed = ((_prefix(words, name), pattern) for pattern, words in lines)
    return [prefix + pattern for prefix, pattern in prefixed if prefix is not None and _is_pattern(prefix + pattern)]


def _pattern_and_words(line: str) -> tuple[str, Sequence[str]]:
    if line.startswith(("#", "!", "[attr]")):
        return "", ()
    if line.startswith('"'):
        pattern, _, rest = line[1:].partition('"')
        return pattern, rest.split()
    pattern, *words = line.split() or [""]
    return pattern, words


def _prefix(words: Sequence[str], name: str) -> str | None:
    prefixes = {name: "", f"{name}=true": "", f"-{name}": "!", f"{name}=false": "!", f"!{name}": "!"}
    return next((prefixes[word] for word in reversed(words) if word in prefixes), None)
