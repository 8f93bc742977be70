import pytest

from codelm.history.tokenization.encoder import Encoder
from codelm.history.tokenization.splitting import Token, constructs, split_line


def tokens_of(*texts):
    starts = [sum(map(len, texts[:place])) for place in range(len(texts))]
    return [Token(0, text, start) for text, start in zip(texts, starts, strict=True)]


def found(*texts):
    line = "".join(texts)
    return [(each.kind, each.text, list(each.mixed)) for each in constructs(line, tokens_of(*texts))]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["fn", " f", "<'", "a", ">("], [("lifetime", "'a", []), ("generics", "f<'a>", [])]),
        (["fn", " f", "<", "'a", ">"], [("lifetime", "'a", []), ("generics", "f<'a>", ["'a"])]),
        (["fn", " f", "<'", "a>"], [("lifetime", "'a", ["a>"]), ("generics", "f<'a>", ["a>"])]),
        ([" println", '!("', "x", '")'], [("macro", "println!", [])]),
        ([" print", "ln!", "(x)"], [("macro", "println!", [])]),
        (["vec", "![", "1]"], [("macro", "vec!", [])]),
        (["vec![", "1]"], [("macro", "vec!", ["vec!["])]),
        (["Vec", "<", "Option<", "T", ">>"], [("generics", "Vec<Option<T>>", ["Option<"])]),
        (["Vec", "::<", "u8", ">"], [("generics", "Vec::<u8>", [])]),
        (["A", "<'_>"], [("generics", "A<'_>", [])]),
        (["let c = ", "'x'", ";"], []),
        (["if a != b", " && !c"], []),
        (["a < b"], []),
    ],
)
def test_names_are_told_that_share_a_token_with_other_signs(texts, expected):
    assert found(*texts) == expected


def test_a_line_is_split_as_its_tokenizer_does(make_tokenizer):
    tokens = split_line("fn é<'a>", Encoder(make_tokenizer([])))
    assert "".join(token.text for token in tokens if token.text != "é") == "fn <'a>"
    backend = make_tokenizer([]).backend_tokenizer
    assert [token.id for token in tokens] == backend.encode("fn é<'a>", add_special_tokens=False).ids
    assert tokens[-1].start + len(tokens[-1].text) == 8
