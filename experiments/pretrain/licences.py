"""Licences whose code may be in the corpus."""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Copyright", "permissive", "read_copyright"]

_FAMILIES = (
    r"mit(?:-0)?|expat|x11|isc|zlib|0bsd|ncsa|hpnd|wtfpl|curl|postgresql|unlicen[sc]e|public[- ]domain|blueoak-1\.0\.0",
    r"apache software|apache(?:[- ]?(?:license)?[- ,]*(?:version )?2(?:\.0)?)?|asl2",
    r"bsd(?:[- ][0-4x][- a-z]*|-like)?|[0-4][- ]clause bsd",
    r"cc0(?:-1\.0)?|bsl(?:-1\.0)?|boost[-a-z0-9. ]*|unicode[-a-z0-9. ]*|zpl[- ]?2\.1|zope public",
    r"psf(?:-2\.0)?|python(?:-2\.0)?(?:\.[0-9])?|python software foundation",
)
_TAIL = r"(?:[ -]licen[sc]e)?(?: agreement)?(?:[ -]with[ -]llvm[- ]exceptions?)?"
_PERMISSIVE = re.compile(rf"(?:{'|'.join(_FAMILIES)}){_TAIL}", re.IGNORECASE)
"""One licence, by its SPDX or its Debian name, that asks for no more than attribution."""


def permissive(expression: str) -> bool:
    """Return whether a licence expression leaves a permissive way to use the code.

    >>> permissive("MIT OR GPL-2.0"), permissive("MIT AND GPL-2.0"), permissive("Apache-2.0/MIT"), permissive("")
    (True, False, True, False)
    """
    left = expression.replace("/", " OR ").replace("|", " OR ")
    while bracket := re.search(r"\(([^()]*)\)", left):  # the innermost first, replaced by its value
        left = f"{left[: bracket.start()]} {'MIT' if _permissive(bracket[1]) else 'more'} {left[bracket.end() :]}"
    return _permissive(left)


def _permissive(bare: str) -> bool:
    """Return the same for an expression without brackets."""
    ways = re.split(r",?\s+or\s+", bare, flags=re.IGNORECASE)
    return any(all(_PERMISSIVE.fullmatch(part.strip()) for part in _parts(way)) for way in ways)


def _parts(way: str) -> list[str]:
    return re.split(r",?\s+and\s+|,\s*", way.strip(), flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Copyright:
    """The licences of a package's files, from a Debian copyright file.

    Attributes:
        rules: File pattern and licence; the later rule wins, as in Debian.
    """

    rules: tuple[tuple[str, str], ...]

    def licence(self, path: str) -> str:
        """Return the licence of the file at ``path``, empty where no rule matches."""
        return next((name for pattern, name in reversed(self.rules) if fnmatch.fnmatch(path, pattern)), "")


def read_copyright(text: str) -> Copyright:
    """Read Debian's machine-readable copyright file; one in another form gives no rule."""
    return Copyright(tuple(rule for paragraph in _paragraphs(text) for rule in _rules(paragraph)))


def _paragraphs(text: str) -> Iterator[Mapping[str, str]]:
    for block in re.split(r"\n\s*\n", text):
        fields = re.findall(r"^([A-Z][A-Za-z-]*):[ \t]*(.*(?:\n[ \t].*)*)", block, re.MULTILINE)
        yield dict(fields)


def _rules(paragraph: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    name = paragraph.get("License", "").split("\n")[0].strip()
    for pattern in paragraph.get("Files", "").split():
        if not pattern.startswith("debian/"):
            yield pattern, name
