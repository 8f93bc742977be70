"""What is valid is the answer of the parser of rustc 1.95 (``-Zparse-crate-root-only``, editions 2015 to 2024)."""

import pytest

from codelm.metrics.idiom_queries import macro_names, profile
from codelm.metrics.syntax.rust_grammar_gaps import hidden_ranges
from codelm.metrics.syntax.trees import faults, faults_of, grammar, nodes, parse

VALID = [
    'fn f() { str!["a"]; g(str![], char!(a), usize! { b }); }',
    "fn f() { match a { char @ 'a' => char, b => b } }",
    "fn f() { try!(a(try!(b))); }",
    'unsafe extern "C" { safe fn f(); unsafe fn g(); pub safe static A: u8; unsafe static B: u8; }',
    'unsafe extern { safe fn f(); }\nunsafe extern "C" fn g() { unsafe { f() } }',
    "impl A<-1> for B<'x', -2, true> { fn f() { g::<-1>(); g::<'a'>(); C::<1, -1>::d(); } }",
    "fn f() { if a < -1 && b > -1 {} (a < -1, b > -1); [a, -1, b]; }",
    "fn f() { for<'a> |y: &'a u8| -> &'a u8 { y }; for<> move || -> u8 { 1 }; for <A as B>::C in d {} }",
    'fn f<T>() where #[cfg(a)] T: A, #[doc = "]"] #[cfg(b)] T: B {}',
    "fn f() where {} struct A where;",
    "fn f() { (1, #[cfg(a)] 2); g(b, #[cfg(a)] #[cfg(c)] 2); let x = #[a] 1; |#[a] y, #[b] z: u8| 1; }",
    "fn f() { let S { #[cfg(a)] x, #[cfg(b)] y: z, .. } = s; S { #[cfg(a)] x: 1, #[cfg(b)] y }; }",
    "fn f() { S { .. } = s; S { x, .. } = s; { .. }; }",
    "fn f(a: &(dyn 'a + B), c: Box<dyn 'static + D + Send>) {}",
    "macro_rules! t { [~] => { a }; [$] => { b }; }\nfn f() { t![~]; }",
    "#!/usr/bin/env run\n\n---cargo\n[dependencies]\nb = '1'\n---\n\nfn f() {}",
    "fn f() { if let Some(a) = b && c && let Some(d) = e {} while let A = b && c {} }",
    "a!(b); a! { c } mod d { a![e]; a! {} } fn f() { a!(b); a! {} c(); a!(d) /* last */ }",
]
INVALID = [
    'fn f() { str!["a"; }',
    'fn f() { str! "a" }',
    "fn f() { let u8! = 1; }",
    'unsafe extern "C" { safe safe fn f(); }',
    "impl A<-> for B {}",
    "impl A<--1> for B {}",
    "fn f() { for<'a> { y } }",
    "fn f<T>() where #[cfg(a) T: A {}",
    "fn f() { g(a, #[b]) }",
    "fn f(a: &(dyn 'a + + B)) {}",
    "---cargo\n[dependencies]\n\nfn f() {}",
    "let a = 1;",
    "fn f() {} g(); struct A;",
    "mod a { b!() }",
    "a!(b) fn f() {}",
    "fn f() { a!() b(); }",
]


@pytest.mark.parametrize("code", VALID)
def test_what_rustc_s_parser_accepts_has_no_faults(code):
    assert faults_of("rust", code) == []


@pytest.mark.parametrize("code", INVALID)
def test_what_rustc_s_parser_refuses_has_faults(code):
    assert faults_of("rust", code)


@pytest.mark.parametrize("code", VALID)
def test_nodes_keep_their_places_and_texts(code):
    encoded = code.encode()
    for node in nodes(parse(grammar("rust"), code)):
        assert node.text == encoded[node.start_byte : node.end_byte]
    places = [0, *(place for span in hidden_ranges(code) for place in span), len(encoded)]
    assert places == sorted(places)


def test_places_are_bytes_also_behind_letters_of_several():
    code = 'fn größe() { "ü"; str![]; f(a }'
    root, end = parse(grammar("rust"), code), len(code.encode()) - 2
    assert [node.text for node in nodes(root) if node.type == "macro_invocation"] == [b"str![]"]
    assert faults(root) == [(end, end)]


def test_macros_named_as_types_are_counted_by_their_whole_names():
    assert macro_names('fn f() { str!["a"]; usize!(); try!(b) }') == {"str": 1, "usize": 1, "try": 1}


def test_attributes_of_items_are_counted_though_others_are_hidden():
    found = profile("fn f() { (1, #[a] 2) }\n#[test]\nfn g() {}\nmod h { #[test] fn i() {} #[derive(A)] struct J; }")
    assert (found["test"], found["derive"], found["fn"]) == (2, 1, 3)
