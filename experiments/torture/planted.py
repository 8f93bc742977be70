"""A small history in which credentials, addresses and names of people are planted, and what has to be found nowhere."""

import base64
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import quote

__all__ = ["PEOPLE", "Person", "Planted", "planted_commits", "planted_values", "prompts_before_values"]

Commit = tuple[dict[str, str | None], dict[str, Any]]
"""The files of a commit, None for one that is deleted, and its ``message`` and ``author``."""

_FILES = 10
_CODE = "pub fn number_{n}() -> u64 {{\n    let number = {n} * {n};\n    number + {n}\n}}\n"
_FILE_NAME = re.compile(r"[\w.-]{1,120}")
_FIRST = ("Tavrik", "Ilsabet", "Oruno", "Maldis", "Quenya", "Birgund", "Sefrin", "Yolanke", "Dorvald", "Emmelk")
_LAST = ("Osmeldt", "Kvarnberg", "Thrushgrove", "Ibanquell", "Fjordsen", "Wexlow", "Pindrake", "Zellmar")
_WINDOW = 12
"""Characters by which a part of a credential is known."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is not there."""

    name: str
    address: str


def _people(count: int) -> list[Person]:
    """Return people whose names and addresses occur nowhere else: the domains are drawn."""
    chance = random.Random(8)
    names = [f"{_FIRST[number % len(_FIRST)]} {_LAST[number % len(_LAST)]}" for number in range(count)]
    hosts = (f"{chance.randrange(16**8):08x}-{chance.randrange(16**4):04x}.dev" for _ in names)
    return [Person(name, f"{name.lower().replace(' ', '.')}@{host}") for name, host in zip(names, hosts, strict=True)]


PEOPLE = tuple(_people(20))


@dataclass(frozen=True, slots=True)
class Planted:
    """A value that must be found nowhere.

    Attributes:
        sort: "credential", "address" or "name".
        what: What it is, which may be shown.
        parts: Pieces of it, any of which gives it away.
    """

    sort: str
    what: str
    parts: tuple[str, ...]

    @property
    def patterns(self) -> Iterator[bytes]:
        """The parts as UTF-8, which JSON leaves as they are, as UTF-16, in a URL, and within base64 at each offset."""
        for part in self.parts:
            yield part.encode()
            yield part.encode("utf-16-le")
            yield quote(part, safe="").encode()
            for offset in range(3):
                coded = base64.b64encode(b"\0" * offset + part.encode())
                yield coded[4 if offset else 0 : len(coded) // 4 * 4 - 4]


def planted_values() -> list[Planted]:
    """Return all that is planted."""
    table = _table()
    found = [Planted("credential", name, _pieces(table.secret_of(line))) for name, line in table.CREDENTIALS.items()]
    found += [
        Planted("address", f"address {number}", tuple(one.address.split("@"))) for number, one in enumerate(PEOPLE)
    ]
    return found + [Planted("name", f"name {number}", (one.name,)) for number, one in enumerate(PEOPLE)]


def prompts_before_values() -> list[str]:
    """Return what stands before each credential in its line, where that is enough to go on from."""
    table = _table()
    lines = (line.partition(table.secret_of(line))[0].rpartition("\n")[2] for line in table.CREDENTIALS.values())
    return [line for line in lines if len(line) > 5]


def _pieces(secret: str) -> tuple[str, ...]:
    """Return the beginning, the middle and the end of a credential, but for what many begin with, as keys do."""
    middle = max(0, len(secret) - _WINDOW) // 2
    found = {secret[:_WINDOW], secret[middle : middle + _WINDOW], secret[-_WINDOW:]}
    return tuple(each for each in sorted(found) if not any(each in prompt for prompt in prompts_before_values()))


def _table() -> Any:
    """Return the table of credentials, which is that of the tests of the filters."""
    return import_module("tests.history.filters.credentials")


def planted_commits() -> list[Commit]:
    """Return a history, the oldest commit first, that holds each value in code, in a message and in a deleted file.

    Those that can be the name of a file are one, too. People write commits, sign them, and stand in code.
    """
    lines = list(_table().CREDENTIALS.values())
    texts: dict[str, str] = {}
    commits = [_commit(number, lines, texts) for number in range(len(lines))]
    # Changes near what was planted before: it stands around what they add.
    for number, path in enumerate(list(texts), len(lines)):
        texts[path] = _CODE.format(n=number) + texts[path]
        commits.append(({path: texts[path]}, _signed(number, f"Go on with {number}")))
    return commits


def _commit(number: int, lines: Sequence[str], texts: dict[str, str]) -> Commit:
    """Return a commit that plants a value in each of its places, and changes the ``texts``."""
    person, line = PEOPLE[number % len(PEOPLE)], lines[number]
    path = f"src/part_{number % _FILES}.rs"
    signed = f"// Written by {person.name} <{person.address}>.\n"
    texts[path] = _CODE.format(n=number) + signed + texts.get(path, "") + line + "\n"
    old = f"old/part_{number}.rs"
    files: dict[str, str | None] = {path: texts[path], old: f"{_CODE.format(n=number + 1000)}{signed}{line}\n"}
    files |= {f"old/part_{number - 3}.rs": None} if number >= 3 else {}
    name = line.strip('"')
    names = [name] if _FILE_NAME.fullmatch(name) else []
    names += [person.name, person.address] if number < len(PEOPLE) else []
    files |= {f"notes/{each}.rs": _CODE.format(n=number + 2000) for each in names}
    return files, _signed(number, f"Add part {number}", f"It was {lines[-number - 1]}")


def _signed(number: int, title: str, body: str = "") -> dict[str, Any]:
    author, reviewer = PEOPLE[number % len(PEOPLE)], PEOPLE[(number + 7) % len(PEOPLE)]
    trailers = f"Reviewed-by: {reviewer.name} <{reviewer.address}>\nThanks-to: {author.name}"
    return {
        "message": f"{title} for {author.name} <{author.address}>\n\n{body}\n\n{trailers}\n",
        "author": f"{author.name} <{author.address}>",
    }
