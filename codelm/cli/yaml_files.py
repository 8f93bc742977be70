"""YAML read as a tree of nodes, so that mistakes that a parser would pass over are refused with their line."""

from pathlib import Path

import yaml

from codelm.errors import InputError

__all__ = ["parse", "read_nodes"]

_MOST_REPEATED = 10_000
"""Values that aliases may add to those that are written: a few lines of aliases could fill any memory."""
_CHARACTERS = 64
"""Characters of a text that count as one value."""


def read_nodes(path: Path) -> yaml.Node | None:
    """Return the nodes of a configuration file; None where it holds nothing.

    Raises:
        InputError: It cannot be read, is not YAML, has a wrong key, or aliases that lead back or repeat too much.
    """
    try:
        return parse(path.read_text("utf-8"), f"config {path}")
    except UnicodeDecodeError as error:
        raise InputError(f"config {path} is not text; give a YAML file in UTF-8") from error
    except OSError as error:
        raise InputError(f"config {path} cannot be read: {error.strerror}") from error


def parse(text: str, name: str) -> yaml.Node | None:
    """Return the nodes of YAML text, with no object built from them; None where it holds nothing.

    Raises:
        InputError: It is not YAML, has a key twice or one that is no text, or aliases that lead back to what holds them
            or repeat too much; ``name`` says where.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{name}, line {line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{name} is not text that YAML can hold; give a YAML file in UTF-8") from error
    if tree is not None:
        written, whole = _sizes(tree, name, {})
        if whole - written > _MOST_REPEATED:
            raise InputError(
                f"{name}: aliases repeat {whole - written:,} values, and {_MOST_REPEATED:,} at most may be; write out"
                " what is needed"
            )
    return tree


def _sizes(node: yaml.Node, name: str, known: dict[int, int]) -> tuple[int, int]:
    """Return how many values a node holds that are written there, and how many with what its aliases repeat.

    Keys that stand twice are refused, of which a parser keeps the last, and aliases of what holds them, without end.
    ``known`` has the second size by the id of each node that was seen, and 0 while it is not known.
    """
    size = known.get(id(node))
    if size is not None:
        if not size:
            line = node.start_mark.line + 1
            raise InputError(f"{name}, line {line}: an alias leads back to what holds it; write it out")
        return 0, size
    known[id(node)] = 0
    sizes = [_sizes(child, name, known) for child in _children(node, name)]
    own = 1 + (len(node.value) // _CHARACTERS if isinstance(node, yaml.ScalarNode) else 0)
    written, whole = (own + sum(each) for each in zip(*sizes, strict=True)) if sizes else (own, own)
    known[id(node)] = whole
    return written, whole


def _children(node: yaml.Node, name: str) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        _refuse_wrong_keys(node, name)
        return [value for _, value in node.value]
    return []


def _refuse_wrong_keys(node: yaml.MappingNode, name: str) -> None:
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(f"{name}, line {line}: a list or a group stands as a key; give the name of a setting")
        if key.value in first:
            raise InputError(
                f"{name}, line {line}: {key.value} stands twice, first on line {first[key.value]}; keep one"
            )
        first[key.value] = line
