from codelm.metrics.style import style


def test_style_is_counted_per_line_per_function_and_per_failure():
    functions = [
        "fn f<'a, T: Ord>(x: &'a T,\n\n    y: &'static dyn Any) { x.a()?; }",
        "fn g() { y.unwrap(); z.expect(a); w? }",
    ]
    assert list(style(functions).values()) == [1000 * 2 / 3, 1, 0.5, 0.5]
    assert style(["fn g() {}"])["question_mark_share"] is None


def test_the_anonymous_lifetime_is_no_name():
    assert style(["fn f(x: Foo<'_>, y: &'_ str) {}"])["with_lifetime"] == 0
    assert style(["fn f<'a>(x: Foo<'_>) -> &'a str {}"])["lifetime_complexity"] == 1
