"""A first look into configuration files, before anything that they name is imported.

A configuration may name classes, and naming a class imports its module: a file from a stranger is a program. The first
look reads YAML as a tree of nodes, builds no object, and refuses what the parser would take without a word: a key that
stands twice, and code from outside the packages that a run is made of. It follows the parser into the places where that
finds configuration: other files that a value names, and text that is itself YAML.
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator
from dataclasses import dataclass, field
from os.path import expanduser
from pathlib import Path

import yaml
from yaml.reader import Reader

from codelm.errors import InputError

TRUSTED = ("codelm.", "lightning.pytorch.callbacks.", "lightning.pytorch.loggers.", "torch.optim.")
"""What a class may be named from without asking."""

TEXT_KEYS = frozenset({"default_root_dir", "dirpath", "filename", "monitor", "name", "prefix", "save_dir", "version"})
"""Settings of the trainer and of its callbacks whose text is never the name of code."""

HEAD = 1024
"""Bytes at the beginning of a file that tell text from a checkpoint."""

DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


@dataclass(frozen=True, slots=True)
class Leaf:
    """One scalar of a configuration, and where it stands."""

    text: str
    line: int
    """Counted from 1."""
    key: str
    """The nearest key above it, without the ``+`` of a list that is appended to."""
    in_trainer: bool
    """Whether it stands under ``trainer``, the only part where the parser takes plain text for the name of code."""

    def may_hold_settings(self) -> bool:
        """Say whether the parser reads the text as YAML once more."""
        return self.in_trainer or self.key == "config"

    def names_strange_code(self) -> bool:
        """Say whether the parser would import the text from outside the trusted packages."""
        text = self.text.strip()
        is_class = self.key == "class_path" or (self.in_trainer and self.key not in TEXT_KEYS)
        return is_class and bool(DOTTED.fullmatch(text)) and not text.startswith(TRUSTED)


@dataclass(slots=True)
class FirstLook:
    """One reading of everything that the configurations of a command lead to; no file and no node is entered twice."""

    allow_code: bool
    seen: set[tuple[object, bool]] = field(default_factory=set)
    keep: list[yaml.Node] = field(default_factory=list)
    """The nodes seen, held so that Python gives their identities to no other node."""

    def at_file(self, path: Path, in_trainer: bool = False) -> yaml.Node | None:
        """Look into a file and return its nodes; None where it holds nothing.

        Raises:
            InputError: It is not YAML, a key stands twice, a part holds itself, or it names code from outside the
                trusted packages.
        """
        tree = parse(read_text(path), str(path))
        if tree is not None and self.is_new(path.resolve(), in_trainer):
            self.at_node(tree, path, in_trainer)
        return tree

    def at_value(self, text: str, folder: Path, in_trainer: bool) -> None:
        """Look into the file that a value names, if it names one that the parser could read as settings."""
        for path in {folder / text, Path(expanduser(text))}:
            if is_settings_file(path):
                self.at_file(path, in_trainer)

    def at_node(self, tree: yaml.Node, path: Path, in_trainer: bool) -> None:
        """Look at every scalar below a node of the file ``path``."""
        refuse_loop(tree, path)
        for leaf in self.leaves(tree, path, "", in_trainer):
            if not self.allow_code and leaf.names_strange_code() and not names_part(leaf.text, path.parent):
                raise InputError(
                    f"config {path}, line {leaf.line}: {leaf.text} is code from outside codelm that runs when it is "
                    "named; read it, then say --allow_code"
                )
            self.at_value(leaf.text, path.parent, leaf.in_trainer)
            if leaf.may_hold_settings() and isinstance(inner := parse_quietly(leaf.text), yaml.CollectionNode):
                self.at_node(inner, path, leaf.in_trainer)

    def leaves(self, node: yaml.Node, path: Path, key: str, in_trainer: bool) -> Iterator[Leaf]:
        """Yield every scalar at and below ``node``."""
        if not self.is_new(id(node), in_trainer):
            return
        self.keep.append(node)
        if isinstance(node, yaml.ScalarNode):
            yield Leaf(node.value, node.start_mark.line + 1, key, in_trainer)
        for words, value in children(node, path):
            yield from self.leaves(value, path, words[-1] if words else key, in_trainer or "trainer" in words)

    def is_new(self, thing: object, in_trainer: bool) -> bool:
        """Say whether ``thing`` comes for the first time, and remember it: a configuration may point at itself."""
        new = (thing, in_trainer) not in self.seen
        self.seen.add((thing, in_trainer))
        return new


def children(node: yaml.Node, path: Path) -> list[tuple[list[str], yaml.Node]]:
    """Return the nodes right below ``node``, each with the words of its dotted key; no words for items of a list."""
    if isinstance(node, yaml.SequenceNode):
        return [([], item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        refuse_double_keys(node, path)
        return [(str(name.value).replace("+", "").split("."), value) for name, value in node.value]
    return []


def refuse_loop(tree: yaml.Node, path: Path) -> None:
    """Raise `InputError` where a node holds itself, by an anchor and its alias: nothing could read that to its end."""
    inside: set[int] = set()
    done: set[int] = set()
    todo = [(tree, False)]
    while todo:
        node, leaving = todo.pop()
        if leaving:
            inside.remove(id(node))
            done.add(id(node))
        elif id(node) in inside:
            line = node.start_mark.line + 1
            raise InputError(f"config {path}, line {line}: an alias leads back to what holds it; write it out")
        elif id(node) not in done:
            inside.add(id(node))
            todo += [(node, True), *((child, False) for _, child in children(node, path))]


def refuse_double_keys(node: yaml.MappingNode, path: Path) -> None:
    """Raise `InputError` where a key of ``node`` stands twice: the parser would keep the last one, silently."""
    first: dict[str, int] = {}
    for name, _ in node.value:
        line = name.start_mark.line + 1
        if str(name.value) in first:
            raise InputError(
                f"config {path}, line {line}: {name.value} stands twice, first on line {first[name.value]}; keep one"
            )
        first[str(name.value)] = line


def read_text(path: Path) -> str:
    """Return the text of a configuration file, or raise `InputError` where it is none."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"config {path} is not text; give a YAML file in UTF-8") from error
    except OSError as error:
        raise InputError(f"config {path} cannot be read: {error.strerror}") from error


def parse(text: str, name: str) -> yaml.Node | None:
    """Return the nodes of YAML text, with no object built from them; None where it holds nothing."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"config {name}, line {line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"config {name} is not text that YAML can hold; give a YAML file in UTF-8") from error


def parse_quietly(text: str) -> yaml.Node | None:
    """Return the nodes of a value that happens to be YAML; None where it is plain text."""
    try:
        return parse(text, "")
    except InputError:
        return None


def is_file(path: Path) -> bool:
    """Say whether there is such a file; text that no file can be named by is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_settings_file(path: Path) -> bool:
    """Say whether the parser could read settings from the file: it is there, and it is YAML."""
    try:
        return is_file(path) and begins_as_text(path) and parse_quietly(read_text(path)) is not None
    except InputError:
        return False


def begins_as_text(path: Path) -> bool:
    """Say whether a file may be YAML, from its beginning alone: a value may name a checkpoint of many gigabytes."""
    try:
        with path.open("rb") as file:
            head = getincrementaldecoder("utf-8")().decode(file.read(HEAD))  # its end may lie within a character
    except (OSError, UnicodeDecodeError):
        return False
    return Reader.NON_PRINTABLE.search(head) is None


def names_part(text: str, folder: Path) -> bool:
    """Say whether ``text`` looks like code and is yet a file that holds a part of the configuration."""
    return text.endswith((".yaml", ".yml", ".json")) and any(is_file(path) for path in (folder / text, Path(text)))
