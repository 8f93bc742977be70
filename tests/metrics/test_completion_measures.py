import pytest

from codelm.metrics.completion import Completion, completion
from codelm.metrics.completion_measures import Idioms, Measures, means, measure

# What Rust sources really hold behind each prompt of configs/rust.yaml, in more than one place where there is one.
REAL = [
    ("fn process", "(input: &str) -> Result<()> { run(input)?; Ok(()) }"),
    ("impl", "<'a> Iterator for Lines<'a> { type Item = &'a str; }"),
    ("impl", " Fn(&str) -> bool, other: u8,\n"),
    ("pub struct", " Energy { joule: f64 }"),
    ("pub enum", " Kind { A, B(u8), C { d: u8 } }"),
    ("async fn", " read(&mut self) -> io::Result<usize> { self.inner.read().await }"),
    ("#[derive(", "Debug)]\npub struct A;"),
    ("match", " value {\n    Some(a) => a,\n    None => return,\n}"),
    ("Result<", "(), Box<dyn Error>> {\n    Ok(())\n}"),
    ("Result<", "Vec<u8>>,\n    other: u8,\n"),
    ("Result<", "Vec<_>, Error>>()?;"),
    ("Option<", "String>;"),
    ("Option<", "&str>) -> bool;"),
    ("fn new() -> Self", " {\n    Self { a: 1 }\n}"),
    ("where\n    T:", " Ord + 'static,\n{\n    value\n}"),
    ("where\n    T:", " Ord,\n{\n    fn a(&self) {}\n}"),
    ("Box<dyn", " Error>> {\n    Ok(())\n}"),
    ("Box<dyn", " Fn(u8) -> u8 + Send>,\n"),
    ("Arc<Mutex<", "Vec<u8>>> = Arc::new(Mutex::new(vec![]));"),
    ("use std::", "{fmt, io};"),
    ("use crate::", "a::B;"),
    ("impl Error for", " A {}"),
    (".map_err(", "|e| Error::from(e))?;"),
    (".map_err(", "|e| {\n    drop(e);\n})"),
    ("#[cfg(test)]", "\nmod tests {\n    use super::*;\n}"),
    ("#[cfg(test)]", "\n    field: u8,\n"),
    ("mod tests {", "\n    use super::*;\n\n    #[test]\n    fn a() {}\n}"),
    ("#[test]", "\nfn a() { assert!(true); }"),
    ("assert_eq!(", "a, b);"),
    ("impl Transaction", " { fn a() {} }"),
    ("struct Energy", "(f64);"),
    ("fn validate", "(&self) -> bool;"),
    ("async fn handle", "() {}"),
]


def measured(prompt, text, finished=True):
    found = measure("rust", Completion(prompt, text, finished))
    assert found is not None
    return found


@pytest.mark.parametrize(("prompt", "text"), REAL)
def test_what_repositories_really_write_parses(prompt, text):
    found = measure("rust", completion("rust", prompt, text, stopped=True))
    assert found is not None
    assert found.parses


@pytest.mark.parametrize(("prompt", "text"), REAL)
def test_what_nobody_writes_does_not_parse(prompt, text):
    assert not measured(prompt, " 1 }{ ;; ) fn let" + text).parses


def test_a_missing_bracket_is_a_fault():
    assert measured("fn process", "() { run(; }").faults > 0
    assert measured("fn process", "() { run()").faults == 1


def test_brackets_that_the_limit_left_open_are_no_fault():
    assert measured("impl", " A {\n    fn b() {}", finished=False).parses
    assert not measured("impl", " A {\n    fn b( {}", finished=False).parses


def test_idioms_of_the_completion_are_counted():
    text = "<'a, T: Ord>(x: &'a T, y: &'a dyn Any) -> R { x.a()?; y.unwrap(); z.expect(\"\"); w? }"
    assert measured("fn process", text).idioms == Idioms(trait_usage=2, lifetimes=1, question_marks=2, unwraps=2)


def test_an_implementation_of_a_trait_counts_and_a_plain_one_does_not():
    assert measured("impl", " A for B {}").idioms == Idioms(1, 0, 0, 0)
    assert measured("impl", " B {}").idioms == Idioms(0, 0, 0, 0)


def test_idioms_of_prompt_and_surroundings_are_not_counted():
    assert measured("fn f<T: Ord>(x: T) -> u8", " { x.unwrap() }").idioms == Idioms(0, 0, 0, 1)
    assert measured("where\n    T:", " Ord {}").idioms == Idioms(1, 0, 0, 0)


def test_text_beyond_ascii_is_counted_in_its_own_place():
    assert measured("fn größe", "() { a? }").idioms == Idioms(0, 0, 1, 0)
    assert measured("fn f", '() { "\udc80"; a? }').idioms == Idioms(0, 0, 1, 0)


def test_python_is_measured_by_its_syntax_alone():
    assert measure("python", Completion("def f", "(x):\n    return x", True)) == Measures(True, 0, 2, None)
    assert not measure("python", Completion("def f", "(x:\n    return x", True)).parses


def test_a_language_without_grammar_is_not_measured():
    assert measure("cobol", Completion("MOVE", " A TO B.", True)) is None


def test_means_leave_out_what_is_not_defined():
    one = Measures(True, 0, 10, Idioms(1, 2, 3, 1))
    two = Measures(False, 4, 10, Idioms(0, 1, 0, 0))
    assert means([one, two]) == {"parses": 0.5, "trait_usage": 50, "lifetimes": 1.5, "question_mark_share": 0.75}
    assert "question_mark_share" not in means([two])
    assert means([Measures(True, 0, 1, None)]) == {"parses": 1.0}
    assert means([]) == {}
