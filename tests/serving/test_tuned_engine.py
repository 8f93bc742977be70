import pytest

from codelm.errors import InputError
from codelm.inference.place import Place
from codelm.inference.tuned_model import load_tuned
from codelm.modules.generation import Sampling
from codelm.saved_run import SavedRun
from codelm.serving.generation_request import GenerationRequest
from codelm.serving.tuned_engine import TunedEngine

HOLE = Place("src/lib.rs", "fn add(a: i32)", " -> i32\n")


@pytest.fixture(scope="module")
def model(tuned_run):
    return load_tuned(SavedRun(tuned_run[0]))


@pytest.fixture
def generate(model):
    """Return a function that gives the completion of a request, and the chunks that were emitted."""

    def run(place=HOLE, *, most=512, is_cancelled=lambda: False, **fields):
        chunks = []
        request = GenerationRequest(place, **({"max_tokens": 12} | fields))
        return TunedEngine(model, most).generate(request, chunks.append, is_cancelled), chunks

    return run


def test_it_generates_what_complete_writes(generate, model):
    [expected] = model.write([HOLE], Sampling(12, 0.0, 1.0, batch_size=1))
    completion, chunks = generate()
    assert completion.text == expected.text == "".join(chunks)
    assert completion.stop_type == ("eos" if expected.stopped else "limit")
    assert completion.prompt_tokens > 20
    assert len(chunks) > 1


def test_the_suffix_the_path_and_the_repository_are_read(generate):
    texts = [
        generate(place)[0].text
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
    special = set(model.prompts.encoder.special_ids.values())
    plain, spelled = (
        [token for token in model.prompts.encode([place], 8)[0].ids if token in special]
        for place in (Place("a.rs", "x = 1;\n", "\ny"), Place(f"{name}.rs", f"x{name} = 1;\n", f"\ny{name}", name))
    )
    assert plain == spelled


def test_a_stop_ends_the_text_before_it(generate):
    whole = generate()[0].text
    stop = whole[4:6]
    completion, chunks = generate(stop_sequences=("\0never", stop))
    assert completion.text == "".join(chunks) == whole[: whole.index(stop)]
    assert (completion.stop_type, completion.stopping_word) == ("word", stop)


def test_no_more_tokens_than_the_server_allows(generate, model):
    assert model.prompts.encode([HOLE], 12)[0].typed  # whose tokens do not count
    assert [generate(most=3)[0].completion_tokens, generate()[0].completion_tokens] == [3, 12]
    assert generate(max_tokens=10**9, most=10**9, is_cancelled=lambda: True)[0].text == ""
    assert TunedEngine(model, 10**9)._max_tokens == model.prompts.row_tokens // 2


def test_nothing_is_computed_where_nothing_is_wanted(generate, monkeypatch):
    monkeypatch.setattr("codelm.inference.tuned_model.generate_texts", None)
    assert generate(max_tokens=0)[0].text == ""


def test_it_ends_once_nobody_wants_it_or_its_time_is_over(generate, model, monkeypatch):
    typed = len(model.prompts.encode([HOLE], 12)[0].typed)  # a token for each byte
    cancelled = iter([False] * (3 + typed) + [True])
    completion, _ = generate(is_cancelled=lambda: next(cancelled))
    assert (completion.completion_tokens, completion.stop_type) == (3, "limit")
    whole = generate()[0].text
    monkeypatch.setattr("codelm.serving.text_stream.TextStream._is_over_time", lambda self, text: len(text) > 1)
    late, _ = generate(seconds=1.0)
    assert (late.stop_type, whole.startswith(late.text), len(late.text) < len(whole)) == ("limit", True, True)


def test_a_seed_decides_what_is_drawn(generate):
    one, same, other = (generate(temperature=1.0, seed=seed)[0].text for seed in (1, 1, 2))
    assert one == same != other
    assert len({generate(temperature=1.0)[0].text for _ in range(4)}) > 1


def test_what_the_model_cannot_do_is_refused(model, monkeypatch):
    monkeypatch.setattr(model.prompts, "row_tokens", 150)
    with pytest.raises(InputError, match="no room"):
        TunedEngine(model, 100).generate(GenerationRequest(HOLE, max_tokens=100), print, lambda: False)
