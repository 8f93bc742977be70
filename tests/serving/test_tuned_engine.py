import pytest

from codelm.errors import InputError
from codelm.inference.place import Place
from codelm.inference.tuned_model import load_tuned
from codelm.modules.generation import Sampling
from codelm.saved_run import SavedRun
from codelm.serving.asked import Asked
from codelm.serving.tuned_engine import TunedEngine

HOLE = Place("src/lib.rs", "fn add(a: i32)", " -> i32\n")


@pytest.fixture(scope="module")
def model(tuned_run):
    return load_tuned(SavedRun(tuned_run[0]))


@pytest.fixture
def write(model):
    """Return a function that gives what is written for a request, and the pieces that were shown."""

    def run(place=HOLE, *, most=512, is_stopped=lambda: False, **asked):
        pieces = []
        asked = Asked(place, **({"max_tokens": 12} | asked))
        return TunedEngine(model, most).write(asked, pieces.append, is_stopped), pieces

    return run


def test_it_writes_what_complete_writes(write, model):
    [expected] = model.write([HOLE], Sampling(12, 0.0, 1.0, batch_size=1))
    written, pieces = write()
    assert written.text == expected.text == "".join(pieces)
    assert written.end == ("eos" if expected.stopped else "limit")
    assert (written.prompt_tokens > 20, len(pieces) > 1) == (True, True)


def test_the_suffix_the_path_and_the_repository_are_read(write):
    texts = [
        write(place)[0].text
        for place in (
            HOLE,
            Place(HOLE.path, HOLE.before, " {\n"),
            Place("b.py", HOLE.before, HOLE.after),
            Place(HOLE.path, HOLE.before, HOLE.after, "tokio"),
            Place(HOLE.path, HOLE.before),
        )
    ]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", ["<fim_prefix>", "<fim_middle>", "<file_sep>", "<|endoftext|>", "<repo_name>"])
def test_text_that_spells_a_special_token_stays_text(model, name):
    special = set(model.encoder.special_ids.values())
    plain, spelled = (
        [token for token in model.encode([place], 8)[0].ids if token in special]
        for place in (Place("a.rs", "x = 1;\n", "\ny"), Place(f"{name}.rs", f"x{name} = 1;\n", f"\ny{name}", name))
    )
    assert plain == spelled


def test_a_stop_ends_the_text_before_it(write):
    whole = write()[0].text
    stop = whole[4:6]
    written, pieces = write(stops=("\0never", stop))
    assert written.text == "".join(pieces) == whole[: whole.index(stop)]
    assert (written.end, written.stop) == ("word", stop)


def test_no_more_tokens_than_the_server_allows(write, model):
    typed = len(model.encode([HOLE], 12)[0].typed)  # a token for each byte
    assert [write(most=3)[0].tokens, write()[0].tokens] == [3 + typed, 12 + typed]
    assert write(max_tokens=10**9, most=10**9, is_stopped=lambda: True)[0].text == ""
    assert TunedEngine(model, 10**9)._max_tokens == model.row_tokens // 2


def test_nothing_is_computed_where_nothing_is_wanted(write, monkeypatch):
    monkeypatch.setattr("codelm.inference.tuned_model.generate_texts", None)
    assert write(max_tokens=0)[0].text == ""


def test_it_ends_once_nobody_wants_it_or_its_time_is_over(write, monkeypatch):
    asked = iter([False, False, False, True])
    written, _ = write(is_stopped=lambda: next(asked))
    assert (written.tokens, written.end) == (3, "limit")
    whole = write()[0].text
    monkeypatch.setattr("codelm.serving.tuned_engine._Listener._is_late", lambda self, text: len(text) > 1)
    late, _ = write(seconds=1.0)
    assert (late.end, whole.startswith(late.text), len(late.text) < len(whole)) == ("limit", True, True)


def test_a_seed_decides_what_is_drawn(write):
    one, same, other = (write(temperature=1.0, seed=seed)[0].text for seed in (1, 1, 2))
    assert one == same != other
    assert len({write(temperature=1.0)[0].text for _ in range(4)}) > 1


def test_what_the_model_cannot_do_is_refused(model, monkeypatch):
    monkeypatch.setattr(model, "row_tokens", 150)
    with pytest.raises(InputError, match="no room"):
        TunedEngine(model, 100).write(Asked(HOLE, max_tokens=100), print, lambda: False)
