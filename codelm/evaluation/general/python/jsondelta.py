"""Differences between two JSON documents, as a list of edits that can be stored, applied and undone.

>>> old = {"name": "pump", "ports": [1, 2]}
>>> new = {"name": "pump 2", "ports": [1]}
>>> edits = list(diff(old, new))
>>> for edit in edits: print(edit)
~ /name: "pump" -> "pump 2"
- /ports/1: 2
>>> patch(old, edits) == new and patch(new, invert(edits)) == old
True
"""

import copy
import json
import unittest
from dataclasses import dataclass
from enum import Enum
from typing import Any, Iterable, Iterator, Union

Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]
Path = tuple[Union[str, int], ...]


class Kind(str, Enum):
    ADD = "+"
    REMOVE = "-"
    CHANGE = "~"


class Conflict(LookupError):
    """The document is not what the edit was made for."""


@dataclass(frozen=True, slots=True)
class Edit:
    kind: Kind
    path: Path
    old: Json = None
    new: Json = None

    def __str__(self) -> str:
        where = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in self.path)
        match self.kind:
            case Kind.ADD:
                what = json.dumps(self.new)
            case Kind.REMOVE:
                what = json.dumps(self.old)
            case Kind.CHANGE:
                what = f"{json.dumps(self.old)} -> {json.dumps(self.new)}"
        return f"{self.kind.value} {where}: {what}"

    def inverse(self) -> "Edit":
        kind = {Kind.ADD: Kind.REMOVE, Kind.REMOVE: Kind.ADD}.get(self.kind, self.kind)
        return Edit(kind, self.path, old=self.new, new=self.old)


def diff(old: Json, new: Json, path: Path = ()) -> Iterator[Edit]:
    match old, new:
        case dict(), dict():
            for key in sorted(old.keys() | new.keys()):
                if key not in new:
                    yield Edit(Kind.REMOVE, (*path, key), old=old[key])
                elif key not in old:
                    yield Edit(Kind.ADD, (*path, key), new=new[key])
                else:
                    yield from diff(old[key], new[key], (*path, key))
        case list(), list():
            shared = min(len(old), len(new))
            for index in range(shared):
                yield from diff(old[index], new[index], (*path, index))
            # from the back, so that each removal leaves the earlier places as they are
            for index in reversed(range(shared, len(old))):
                yield Edit(Kind.REMOVE, (*path, index), old=old[index])
            for index in range(shared, len(new)):
                yield Edit(Kind.ADD, (*path, index), new=new[index])
        case _ if type(old) is not type(new) or old != new:
            yield Edit(Kind.CHANGE, path, old, new)


def patch(document: Json, edits: Iterable[Edit]) -> Json:
    root: dict[str, Any] = {"": copy.deepcopy(document)}
    for edit in edits:
        *way, last = ("", *edit.path)
        parent: Any = root
        try:
            for step in way:
                parent = parent[step]
            _apply(parent, last, edit)
        except (KeyError, IndexError, TypeError) as error:
            raise Conflict(str(edit)) from error
    return root[""]


def _apply(parent: Any, key: Union[str, int], edit: Edit) -> None:
    if edit.kind is not Kind.ADD and parent[key] != edit.old:
        raise Conflict(f"{edit}, but found {json.dumps(parent[key])}")
    value = copy.deepcopy(edit.new)
    if edit.kind is Kind.REMOVE:
        del parent[key]
    elif edit.kind is Kind.ADD and isinstance(parent, list):
        parent.insert(key, value)
    else:
        parent[key] = value


def invert(edits: Iterable[Edit]) -> list[Edit]:
    return [edit.inverse() for edit in reversed(list(edits))]


class DeltaTest(unittest.TestCase):
    PAIRS = [
        ([], [1, 2, 3]),
        ({"a": {"b": [1, {"c": None}]}}, {"a": {"b": [1, {"c": False}, 2]}, "d": []}),
        (1, True),
        ("text", {"text": "text"}),
    ]

    def test_round_trips(self):
        for one, two in self.PAIRS:
            with self.subTest(one=one, two=two):
                edits = list(diff(one, two))
                self.assertEqual(patch(one, edits), two)
                self.assertEqual(patch(two, invert(edits)), one)

    def test_equal_documents_have_no_difference(self):
        for pair in self.PAIRS:
            self.assertEqual(list(diff(pair[0], copy.deepcopy(pair[0]))), [])

    def test_a_stale_edit_conflicts(self):
        edits = list(diff({"n": 1}, {"n": 2}))
        with self.assertRaises(Conflict):
            patch({"n": 3}, edits)


if __name__ == "__main__":
    unittest.main()
