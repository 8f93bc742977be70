import sys

from codelm.metrics.syntax.trees import faults, faults_of, grammar, nodes, parse


def test_missing_brackets_are_faults_that_no_error_node_shows():
    root = parse(grammar("rust"), "fn f() { g(a }")
    assert root.type == "source_file"
    assert [node.type for node in nodes(root) if node.is_missing] == [")"]
    assert not any(node.is_error for node in nodes(root))
    assert faults(root) == faults_of("rust", "fn f() { g(a }") == [(12, 12)]


def test_a_language_without_grammar_has_none():
    assert grammar("cobol") is faults_of("cobol", "MOVE") is None


def test_the_extension_of_a_file_imports_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tree_sitter_php", object())
    assert grammar("php") is None


def test_without_tree_sitter_no_language_has_a_grammar(monkeypatch):
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    assert grammar.__wrapped__("rust") is None
