import pytest

from codelm.metrics.completion import completion


def test_a_rust_completion_stops_behind_its_item():
    done = completion("rust", "fn process", "(a: u8) -> u8 { a }\n\nfn other() {}", stopped=False)
    assert (done.text, done.finished) == ("(a: u8) -> u8 { a }", True)


@pytest.mark.parametrize(("stopped", "lost"), [(False, "\n    fn c() { d"), (True, "")])
def test_an_unfinished_rust_completion_loses_its_last_part_only_where_no_tokens_were_left(stopped, lost):
    text = " A {\n    fn b() {}\n    fn c() { d"
    done = completion("rust", "impl", text, stopped=stopped)
    assert (done.text, done.finished) == (text.removesuffix(lost), stopped)


@pytest.mark.parametrize(
    ("prompt", "kept"),
    [
        ("def analyze_", "x(\n    a,\n):\n    return a"),
        ("import", " os"),
        ("class Energy", ":\n    @property\n    def joule(self):\n        return 1"),
        ("    def f", "(self):\n        try:\n            a()\n        except E:\n            b()"),
        ("@cache", "\ndef f():\n    pass"),
    ],
)
def test_a_python_completion_stops_before_the_next_statement(prompt, kept):
    indentation = " " * (len(prompt) - len(prompt.lstrip()))
    done = completion("python", prompt, f"{kept}\n\n{indentation}x = 1\n", stopped=False)
    assert (done.text, done.finished) == (kept, True)


def test_the_completion_of_another_language_is_all_that_was_written():
    done = completion("cobol", "MOVE", " A TO B.\n\nMOVE", stopped=False)
    assert (done.text, done.finished) == (" A TO B.\n\nMOVE", False)


@pytest.mark.parametrize("mark", ["\f", "\v", "\x1c", "\x85", "\u2028"])
def test_only_a_line_feed_ends_a_line_of_python(mark):
    done = completion("python", f"x = '{mark}'\ndef f", f"():\n    return 'a{mark}b'\n\ny = 1\n", stopped=False)
    assert (done.text, done.finished) == (f"():\n    return 'a{mark}b'", True)
