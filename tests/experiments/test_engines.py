"""The engines of ``codelm serve`` measured beside each other."""

import pytest

from experiments import engines
from tests.serving.conftest import CHUNKS, FakeEngine, servers


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").write_text("".join(f"fn f{number}() -> u32 {{ {number} }}\n" for number in range(99)))
    (tmp_path / "src" / "short.rs").write_text("fn main() {}\n")
    return tmp_path


def test_places_are_the_same_each_time_and_every_other_one_is_a_hole(repository):
    found = engines.places(repository, 4)
    assert found == engines.places(repository, 4)
    assert [sorted(each) for each in found] == [["path", "prompt"], ["path", "prompt", "suffix"]] * 2
    assert {each["path"] for each in found} == {"src/lib.rs"}
    text = (repository / "src" / "lib.rs").read_text()
    assert all(text.startswith(each["prompt"]) and text.endswith(each.get("suffix", "")) for each in found)


def test_answers_are_a_server_s_with_their_tokens_and_seconds(repository):
    with servers() as begin:
        client = begin(FakeEngine())
        found = list(engines.answers(client.port, engines.places(repository, 2), 8))
    assert [(each.text, each.tokens) for each in found] == [("".join(CHUNKS), 3)] * 2
    assert all(each.first > 0 and each.rest > 0 for each in found)


def test_a_table_has_medians_and_says_whether_the_texts_are_the_same(repository, monkeypatch):
    def measured(run, engine, asked, tokens):
        return {"seconds": [1.0, 2.0, 6.0] if engine == "pytorch" else [0.5], "texts": ["a", engine]}

    monkeypatch.setattr(engines, "_measured", measured)
    *_, seconds, same = engines.lines("run", repository, 2, 8, 1)
    assert seconds == "| seconds | 0.500 | 2.000 (1.000 to 6.000) |"
    assert same == "| the same text | 1 of 2 | |"


def test_a_server_that_does_not_begin_and_a_repository_without_rust_are_a_line(repository, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert engines.main(["no-such-run", str(tmp_path / "empty")]) == 2
    assert "has no file of Rust" in capsys.readouterr().err
    assert engines.main(["no-such-run", str(repository), "--rounds", "1"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "did not begin: codelm: error: no run 'no-such-run'" in said
