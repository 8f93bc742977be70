import pytest

from codelm.history.filters.names import known_names, signed_names


def signed(text):
    return [text[start:end] for start, end, _ in signed_names(text)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Signed-off-by: Jo Li <jo@corp.com>", "Jo Li"),
        ('authors = ["Ada van Dam <ada@corp.com>"]', "Ada van Dam"),
        ("Thanks go to Jean-Luc O'Neil <jl@corp.com> for it", "Jean-Luc O'Neil"),
        ("// 王伟 <wei@corp.com>", "王伟"),
        ("Reviewed-by: alice", "alice"),
        ("  Tested-by: Jo Li (on arm)", "Jo Li"),
        ("acked-by: J. R. Doe\r\n", "J. R. Doe"),
    ],
)
def test_who_signs_is_found(text, name):
    assert name in signed(text)
    assert all(each in name for each in signed(text))


@pytest.mark.parametrize(
    "text",
    [
        "let a: Vec<A> = b;",
        "sorted-by: name",
        "Signed-off-by: <jo@corp.com>",
        "see <https://a.example/Jo@2>",
        "The <team@corp.com> address",
        '"authors": ["Alice <alice@example.com>"]',
    ],
)
def test_who_does_not_sign_is_not(text):
    assert signed(text) == []


def test_full_names_are_known_in_any_text_as_whole_words():
    names = known_names(["Jo Li", "Jo Li Smith", "alice", "the tokio project", "renovate[bot]", "王伟", "Émile Zola"])
    text = "// Jo Li Smith, Jo Link, alice, the tokio project, Émile Zola; (Jo Li) XJo Li 王伟"
    found = [text[start:end] for start, end, _ in names.find(text)]
    assert found == ["Jo Li Smith", "Émile Zola", "Jo Li", "王伟"]


@pytest.mark.parametrize("text", ["Reviewed-by: a{}@", "Reviewed-by:{}@", "{}<a@corp.com>"], ids=str)
def test_long_rows_of_spaces_make_no_name(text):
    assert signed(text.format(" " * 100_000)) == []
