import pytest

from codelm.errors import InputError
from codelm.metrics import idiom_queries
from codelm.metrics.idiom_queries import IDIOMS, LABELS, macro_names, profile, return_types

ONE_OF_EACH = {
    "pub_fn": "pub fn f() {}",
    "async_fn": "async fn f() {}",
    "unsafe_fn": "unsafe fn f() {}",
    "returns_result": "fn f() -> io::Result<u8> {}",
    "returns_option": "fn f() -> Option<u8> {}",
    "trait": "trait A {}",
    "impl_trait": "impl A for B {}",
    "impl": "impl B {}",
    "struct": "struct A;",
    "enum": "enum A {}",
    "mod": "mod a {}",
    "derive": "#[derive(Debug)]",
    "test": "#[test]",
    "type_parameters": "type A<T> = u8;",
    "where": "impl A where u8: {}",
    "bounds": "type A<T: B> = T;",
    "lifetime": "type A = B<'static>;",
    "dyn": "type A = dyn B;",
    "impl_type": "type A = impl B;",
    "reference": "type A = &u8;",
    "mutable_reference": "type A = &mut u8;",
    "question_mark": "const A: u8 = b?;",
    "unwrap": "const A: u8 = b.unwrap();",
    "expect": 'const A: u8 = b.expect("");',
    "clone": "const A: u8 = b.clone();",
    "closure": "const A: u8 = |b| b;",
    "match": "const A: u8 = match b {};",
    "if_let": "const A: u8 = if let 1 = b {};",
    "let_else": "fn f() { let Some(a) = b else { return }; }",
    "await": "const A: u8 = b.await;",
    "async_block": "const A: u8 = async {};",
    "unsafe_block": "const A: u8 = unsafe {};",
    "macro": "const A: u8 = a!();",
    "fn": "fn f() {}",
}


def test_there_are_the_34_idioms_of_the_profile_and_each_has_its_example():
    assert len(IDIOMS) == len(LABELS) == len(set(LABELS.values())) == 34
    assert ONE_OF_EACH.keys() == LABELS.keys()


@pytest.mark.parametrize(("name", "code"), ONE_OF_EACH.items())
def test_an_idiom_is_counted_once_and_not_where_it_is_not(name, code):
    assert profile(code)[name] == 1
    assert [other for other, text in ONE_OF_EACH.items() if other != name and profile(text)[name]] == {
        "fn": ["pub_fn", "async_fn", "unsafe_fn", "returns_result", "returns_option", "let_else"],
        "impl": ["where"],
        "bounds": ["where"],
        "reference": ["mutable_reference"],
        "type_parameters": ["bounds"],
    }.get(name, [])


@pytest.mark.parametrize("condition", ["let A = b && c", "c && let A = b && let D = e"])
def test_a_chain_with_let_is_an_if_let(condition):
    assert profile(f"const A: u8 = if {condition} {{}};")["if_let"] == 1
    assert profile("const A: u8 = if b && c {};")["if_let"] == 0


def test_methods_of_other_names_and_other_attributes_do_not_count():
    assert profile("#[inline] const A: u8 = b.unwrap_or(unwrap());") == {}


def test_any_text_has_a_profile():
    assert profile("") == profile("}{ ;; ) '\udc80") == {}


def test_types_returned_are_counted_without_generic_arguments_and_lifetimes():
    code = """
    fn a() -> Result<u8, E> {} fn b() -> Result<u8, F> {} fn c() -> CargoResult<()> {} fn d() -> &'a mut Vec<u8> {}
    fn e() -> impl Iterator<Item = u8> {} fn f() -> (u8, u8) {} fn g() -> Self {} fn h() -> &'static str {} fn i() {}
    """
    assert return_types(code) == {
        "Result": 2,
        "CargoResult": 1,
        "&mut Vec": 1,
        "impl Iterator": 1,
        "(…)": 1,
        "Self": 1,
        "&str": 1,
    }


def test_macros_are_counted_by_name_and_those_inside_others_are_not_seen():
    assert macro_names("fn f() { log::trace!(a); vec![b]; vec![vec![c]] }") == {"log::trace": 1, "vec": 2}


def test_without_grammar_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(idiom_queries, "grammar", lambda language: None)
    with pytest.raises(InputError, match="pip install tree-sitter tree-sitter-rust"):
        profile("fn f() {}")
