from codelm.evaluation.style import Style, style


def test_style_is_counted_per_line_per_function_and_per_failure():
    functions = [
        "fn f<'a, T: Ord>(x: &'a T,\n\n    y: &'static dyn Any) { x.a()?; }",
        "fn g() { y.unwrap(); z.expect(a); w? }",
    ]
    assert style(functions) == Style(1000 * 2 / 3, lifetime_complexity=1, with_lifetime=0.5, question_mark_share=0.5)
    assert style(["fn g() {}"]).question_mark_share is None
