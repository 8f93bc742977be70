import pytest

from codelm.errors import InputError

pytest.importorskip("git")


def test_both_read_the_same_bytes(make_repository):
    from experiments.bench import newest, read_with_codelm, read_with_gitpython

    folder = str(make_repository([{"a.rs": "fn a() {}\n"}, {"b.rs": "fn b() {}\n" * 3, "a.rs": None}]))
    shas = newest(folder, 300)
    assert read_with_codelm(folder, shas) == read_with_gitpython(folder, shas) == 40


@pytest.mark.parametrize(
    ("words", "message"),
    [(["nowhere"], "nowhere: no such folder"), ([".", "0"], "COMMITS is 0: give a whole number of 1 or more")],
)
def test_bad_input_ends_in_one_line(words, message, capsys):
    from experiments.bench import main

    assert main(words) == InputError.exit_status
    error = capsys.readouterr().err
    assert error.startswith("experiments.bench: ")
    assert message in error
    assert error.count("\n") == 1
