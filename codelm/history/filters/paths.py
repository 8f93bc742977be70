"""Which paths are read at all: gitignore patterns, and the marks of a ``.gitattributes`` file."""

from collections.abc import Callable, Iterable, Sequence

import pathspec

from codelm.errors import InputError

Verdict = tuple[bool | None, str]
"""Whether the last pattern that spoke about a path takes it (True), spares it (False) or none did, and that pattern."""


def matcher(patterns: Iterable[str], source: str) -> Callable[[str], Verdict]:
    """Return the judge of paths by gitignore patterns: the last that matches decides, ``!`` spares.

    Raises:
        InputError: A pattern is not one; the message names ``source``.
    """
    lines = [line for line in patterns if line.strip()]
    for line in lines:
        _check(line, source)
    # The plain engine is always there: what is ignored must not depend on which others are installed.
    spec = pathspec.GitIgnoreSpec.from_lines(lines, backend="simple")

    def judge(path: str) -> Verdict:
        result = spec.check_file(path)
        return result.include, "" if result.index is None else lines[result.index]

    return judge


def _check(pattern: str, source: str) -> None:
    if not _is_pattern(pattern):
        raise InputError(f"{source}: {pattern!r} is no gitignore pattern; write for example 'target/' or '*.rlib'")


def _is_pattern(line: str) -> bool:
    try:
        pathspec.GitIgnoreSpec.from_lines([line], backend="simple")
    except ValueError:
        return False
    return True


def marked(attributes: str, mark: str) -> list[str]:
    r"""Return the gitignore patterns that say which paths carry ``mark``, from the text of a ``.gitattributes`` file.

    Unsetting the mark becomes a pattern that spares. A pattern that names a folder covers what is in it, which is
    what people mean by it, though git itself would have them write ``folder/**``. Lines that cannot be read are
    skipped, as git does.

    >>> marked("*.pb.rs linguist-generated\nown.pb.rs -linguist-generated", "linguist-generated")
    ['*.pb.rs', '!own.pb.rs']
    """
    lines = (_pattern_and_words(line.strip()) for line in attributes.splitlines())
    signed = ((_sign(words, mark), pattern) for pattern, words in lines)
    return [sign + pattern for sign, pattern in signed if sign is not None and _is_pattern(sign + pattern)]


def _pattern_and_words(line: str) -> tuple[str, Sequence[str]]:
    if line.startswith(("#", "!", "[attr]")):
        return "", ()
    if line.startswith('"'):
        pattern, _, rest = line[1:].partition('"')
        return pattern, rest.split()
    pattern, *words = line.split() or [""]
    return pattern, words


def _sign(words: Sequence[str], mark: str) -> str | None:
    signs = {mark: "", f"{mark}=true": "", f"-{mark}": "!", f"{mark}=false": "!", f"!{mark}": "!"}
    return next((signs[word] for word in reversed(words) if word in signs), None)
