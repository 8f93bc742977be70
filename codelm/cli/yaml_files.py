"""YAML read as a tree of nodes, so that mistakes that a parser would pass over are refused with their line."""

from pathlib import Path

import yaml

from codelm.errors import InputError

__all__ = ["parse", "read_nodes"]


def read_nodes(path: Path) -> yaml.Node | None:
    """Return the nodes of a configuration file; None where it holds nothing.

    Raises:
        InputError: It cannot be read, is not YAML, has a key twice, or holds a part of itself.
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
        InputError: It is not YAML, has a key twice, or holds a part of itself; ``name`` says where.
    """
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{name}, line {line}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{name} is not text that YAML can hold; give a YAML file in UTF-8") from error
    if tree is not None:
        _check(tree, name, {})
    return tree


def _check(node: yaml.Node, name: str, entered: dict[int, bool]) -> None:
    """Refuse keys that stand twice, of which a parser keeps the last, and aliases of what holds them, without end.

    ``entered`` says of each node's id whether the check is still inside it.
    """
    if entered.get(id(node)):
        line = node.start_mark.line + 1
        raise InputError(f"{name}, line {line}: an alias leads back to what holds it; write it out")
    if id(node) not in entered:
        entered[id(node)] = True
        for child in _children(node, name):
            _check(child, name, entered)
        entered[id(node)] = False


def _children(node: yaml.Node, name: str) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        _refuse_double_keys(node, name)
        return [value for _, value in node.value]
    return []


def _refuse_double_keys(node: yaml.MappingNode, name: str) -> None:
    first: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if str(key.value) in first:
            raise InputError(
                f"{name}, line {line}: {key.value} stands twice, first on line {first[str(key.value)]}; keep one"
            )
        first[str(key.value)] = line
