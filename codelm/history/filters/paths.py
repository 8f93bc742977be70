"""Gitignore patterns, matched by git itself: as lines of a ``.gitattributes`` that number them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from codelm.errors import InputError
from codelm.git.attributes import attribute_reader
from codelm.git.commits import Repository

__all__ = ["UNSPECIFIED", "PathMatch", "check_patterns", "path_matcher"]

UNSPECIFIED = "unspecified"
"""The value of an attribute of which no ``.gitattributes`` says anything."""
_SPACES = re.compile(r"(?<!\\)((?:\\\\)*) +$")
"""Spaces at the end of a pattern, which do not belong to it but after a backslash."""
_ANY_FOLDER = re.compile(r"(^|/)\*\*+$")
"""At the end of a pattern for folders "**" stands for at least one."""
_QUOTED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_WHOLE = re.compile(
    r"""(?x) (?>
        \\. | [^\[\\]  # a letter
      | \[ [!^]?+
        (?: \[:CLASS:\] | (?!\[:[^\]]*:\]) (?: \\. | [^\\] ) RANGE ) (?# of these the first may be a closing bracket)
        (?: \[:CLASS:\] | (?!\[:[^\]]*:\]) (?: \\. | [^\]\\] ) RANGE )*+
        \]
    )*+""".replace("RANGE", r"(?: -(?!\]) (?: \\. | [^\\] ) )?+").replace(
        "CLASS", "(?: alnum | alpha | blank | cntrl | digit | graph | lower | print | punct | space | upper | xdigit )"
    ),
    re.DOTALL,
)
"""A pattern all of whose brackets are closed and name known classes; in git (its wildmatch.c) others match nothing."""

PathMatch = tuple[bool | None, str]
"""The last pattern that matches a path, after whether it includes the path; (None, "") where no pattern matches."""


@contextmanager
def path_matcher(
    patterns: Mapping[str, Sequence[str]], attributes: Sequence[str] = (), repository: Repository | None = None
) -> Iterator[Callable[[str], tuple[list[PathMatch], list[str]]]]:
    """Yield a function that matches a path with each list of patterns, and returns the values of attributes as well.

    Of each list the last pattern that matches decides, and ``!`` excludes: unlike in git, also what lies in a folder
    that an earlier pattern includes.

    Args:
        patterns: The lists, each under the name of the setting that holds it.
        attributes: Names of attributes.
        repository: The repository whose tip gives them.

    Raises:
        InputError: A pattern is not valid; the message names the setting.
    """
    names = [f"codelm-{number}" for number in range(len(patterns))]
    lines = [
        f'"{glob.translate(_QUOTED)}" {name}={index}\n'
        for name, (setting, listed) in zip(names, patterns.items(), strict=True)
        for index, pattern in enumerate(listed)
        for glob in _globs(pattern, setting)
    ]
    with attribute_reader([*names, *attributes], lines, repository) as read:

        def match(path: str) -> tuple[list[PathMatch], list[str]]:
            values = read(path)
            matches = zip(values[: len(names)], patterns.values(), strict=True)
            return [_match(value, listed) for value, listed in matches], values[len(names) :]

        yield match


def check_patterns(setting: str, patterns: Sequence[str]) -> None:
    """Raise `InputError`, naming the setting that holds them, where one of some patterns is not valid."""
    for pattern in patterns:
        _globs(pattern, setting)


def _match(value: str, patterns: Sequence[str]) -> PathMatch:
    if value == UNSPECIFIED:
        return None, ""
    return not patterns[int(value)].startswith("!"), patterns[int(value)]


def _globs(pattern: str, setting: str) -> list[str]:
    """Return the globs of the paths that a pattern matches or that lie in a folder it matches.

    Raises:
        InputError: It is not a pattern.
    """
    text = _SPACES.sub(r"\1", pattern)
    if not text or text.startswith("#"):
        return []
    body = text.removeprefix("!")
    name = body.removesuffix("/").removeprefix("/")
    if not name or len(name) - len(name.rstrip("\\")) & 1:
        raise InputError(f"{setting}: {pattern!r} is no gitignore pattern; write for example 'target/' or '*.rlib'")
    if not _WHOLE.fullmatch(name):
        raise InputError(
            f"{setting}: {pattern!r} matches nothing, since a bracket in it is not closed or names an unknown class; "
            "close it, or write \\[ for the letter"
        )
    anchored = ("" if "/" in body.removesuffix("/") else "**") + "/" + name
    if body.endswith("/"):
        return [_ANY_FOLDER.sub(r"\1*", anchored) + "/**"]
    return [anchored, f"{anchored}/**"]
