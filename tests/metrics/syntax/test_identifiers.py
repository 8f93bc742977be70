import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelm.lines import lines_of
from codelm.metrics.syntax.identifiers import identifiers, own_names, without_comments

CODELIKE = st.text(alphabet="ab'\"#r{}/*\\\n .", max_size=60)


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        (
            "rust",
            "impl<'a> Walk<'a> for r#\"Not\"# { let x = b'c' + 1u8; self.step(x) } // no",
            ["Walk", "x", "step", "x"],
        ),
        ("rust", "#!/usr/bin/env no\n---no\nno = 1\n---\nfn walk() {}", ["walk"]),
        ("rust", "#![allow(dead)]\nfn walk() {}", ["allow", "dead", "walk"]),
        ("rust", "let r#match = /* a /* b */ c */ other;", ["match", "other"]),
        (
            "python",
            "class Walk:\n    '''No.'''\n    def step(self): return f'{no}' + rb\"no\"  # no",
            ["Walk", "step", "self"],
        ),
        ("python", "match = type(None)", ["match", "type"]),
        ("cobol", "MOVE A TO B-2.", ["MOVE", "A", "TO", "B"]),
    ],
)
def test_names_are_words_outside_of_literals_and_comments(language, text, names):
    assert identifiers(language, text) == names


def test_a_repositorys_own_names_are_long_and_not_everybodys():
    snapshot = ["fn walk_parallel(buf: Vec<u8>) { Vec::with_capacity(9) }", "struct Haystack;"]
    general = ["fn f() { let v = Vec::with_capacity(1); }"]
    assert own_names(snapshot, general, "rust") == {"walk_parallel", "Haystack"}


def test_comments_go_and_what_looks_like_one_stays():
    rust = '#[derive(Debug)] // no\nlet url = "http://a"; /* no\n /* no */ */ let t: &\'a str = b;\n'
    kept = ["#[derive(Debug)]", 'let url = "http://a";', "let t: &'a str = b;"]
    assert [line.strip() for line in without_comments("rust", rust).splitlines()] == kept
    python = "a = '#b'  # no\nif a:  # no\n    '''# b'''"
    assert [line.rstrip() for line in without_comments("python", python).splitlines()] == [
        "a = '#b'",
        "if a:",
        "    '''# b'''",
    ]


@settings(deadline=None)
@given(st.sampled_from(["rust", "python", "cobol"]), CODELIKE)
def test_lines_stay_where_they_were(language, text):
    assert without_comments(language, text).count("\n") == text.count("\n")
    assert len(lines_of(without_comments(language, text))) == len(lines_of(text))


def test_of_an_unknown_language_no_comments_are_known():
    assert without_comments("cobol", "* a // b # c") == "* a // b # c"


def test_a_comment_between_words_leaves_them_two():
    assert without_comments("rust", "let/* a */b") == "let b"
