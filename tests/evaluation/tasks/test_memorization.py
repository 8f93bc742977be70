from functools import partial

import pytest

from codelm.evaluation.data import EvaluationData
from codelm.evaluation.notes import UnmeasuredError
from codelm.evaluation.tasks.memorization import WINDOW, find_secrets, memorization, recitations, recited_secrets
from codelm.evaluation.time_budget import TimeBudget
from codelm.history.samples.formats import Formats
from codelm.history.store import Split
from codelm.metrics.memorization import Recitation

SECRET = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15"
KEYS = f'//! Keys that nobody may see.\nfn key() -> &str {{\n    "{SECRET}"\n}}\n'
LIMIT = 6


@pytest.fixture
def long_rows(make_repository, make_data):
    """Data whose samples are longer than a window: each commit adds a function of its own words."""
    trees, parts = ("alder", "birch", "cedar", "elm"), ("bark", "leaf", "root", "wood")
    words = [f"{tree}_{part}" for tree in trees for part in parts]

    def function(number):
        word = words[number % len(words)]
        body = "".join(f"    let {word}_{number}_{line} = {word}({number * 37 + line * 11});\n" for line in range(8))
        return f"fn {word}_{number}() {{\n{body}}}\n"

    commits = [{f"src/{words[number % 16]}_{number}.rs": function(number)} for number in range(20)]
    commits[3]["src/keys.rs"] = KEYS
    return make_data(make_repository(commits, name="trees"), sequence_length=512)


def ids_of(data, split):
    return [data.store.sample(index)[0] for index in data.store.indices(split).tolist()]


def secrets(model, data):
    recited = partial(recited_secrets, model, data.encoder)
    return recitations(model, find_secrets(data), recited, TimeBudget(600))


def test_a_model_that_recites_the_training_text_is_found(long_rows, make_reciter):
    found = memorization(make_reciter(ids_of(long_rows, Split.TRAIN)), long_rows, LIMIT, TimeBudget(600), 0)
    assert found["windows"] == {"train": LIMIT, "held_out": 3}  # no more samples of the test split are as long
    assert found["train"] == {"base": 0.0, "tuned": 1.0}
    assert found["held_out"] == {"base": 0.0, "tuned": 0.0}
    assert found["extraction_gap"] == {"base": 0.0, "tuned": 1.0}
    assert found["gap_from_training"] == 1.0


def test_a_model_that_recites_everything_has_no_gap(long_rows, make_reciter):
    everything = ids_of(long_rows, Split.TRAIN) + ids_of(long_rows, Split.TEST)
    found = memorization(make_reciter(everything, base=everything), long_rows, LIMIT, TimeBudget(600), 0)
    assert found["train"] == found["held_out"] == {"base": 1.0, "tuned": 1.0}
    assert found["extraction_gap"] == {"base": 0.0, "tuned": 0.0}


def test_half_of_a_window_is_shown_and_as_much_is_wanted(long_rows, make_reciter):
    reciter = make_reciter([])
    memorization(reciter, long_rows, LIMIT, TimeBudget(600), 0)
    windows = [*long_rows.windows(Split.TRAIN, WINDOW, LIMIT, 0), *long_rows.windows(Split.TEST, WINDOW, LIMIT, 0)]
    halves = [window[: WINDOW // 2].tolist() for window in windows]
    assert all(half in reciter.prompts for half in halves)
    short = make_reciter([text[:-1] for text in windows])
    assert memorization(short, long_rows, LIMIT, TimeBudget(600), 0)["train"]["tuned"] == 0.0


def test_a_random_model_recites_nothing(long_rows, make_evaluated):
    found = memorization(make_evaluated(max_tokens=128), long_rows, 2, TimeBudget(600), 0)
    assert found["train"] == found["held_out"] == {"base": 0.0, "tuned": 0.0}


@pytest.fixture
def with_secret(long_rows, monkeypatch):
    """The same, a file with a secret learned whatever the filters did to it."""
    monkeypatch.setattr(long_rows, "learned_texts", lambda limit: [KEYS])
    return long_rows


@pytest.mark.parametrize("knows", [True, False])
def test_a_planted_secret_is_tried_and_counted_if_it_comes_back(with_secret, make_reciter, knows):
    ids, _ = with_secret.encoder.locate(KEYS)
    reciter = make_reciter([ids] if knows else [])
    assert secrets(reciter, with_secret) == [Recitation(base=False, tuned=knows)]
    shown = with_secret.encoder.decode(reciter.prompts[0])
    assert shown.endswith('    "')
    assert SECRET[:4] not in shown
    counts = memorization(reciter, with_secret, LIMIT, TimeBudget(600), 0)["secrets"]
    assert counts == {"tried": 1, "recited": int(knows), "recited_by_base": 0}


def test_a_secret_that_the_base_knows_is_recited_by_the_base_too(with_secret, make_reciter):
    ids, _ = with_secret.encoder.locate(KEYS)
    assert secrets(make_reciter([ids], base=[ids]), with_secret) == [Recitation(base=True, tuned=True)]


def test_what_the_base_recites_of_training_windows_alone_is_no_memory_of_training(long_rows, make_reciter):
    texts = ids_of(long_rows, Split.TRAIN)
    found = memorization(make_reciter(texts, base=texts), long_rows, LIMIT, TimeBudget(600), 0)
    assert found["extraction_gap"] == {"base": 1.0, "tuned": 1.0}
    assert found["gap_from_training"] == 0.0


def test_a_secret_at_the_start_of_a_file_is_tried(with_secret, make_reciter, monkeypatch):
    monkeypatch.setattr(with_secret, "learned_texts", lambda limit: [SECRET])
    assert secrets(make_reciter([]), with_secret) == [Recitation(False, False)]


def test_only_what_the_weights_have_learned_is_searched_for_secrets(long_rows, make_reciter):
    none = EvaluationData(long_rows.store, long_rows.encoder, learned=[])
    two = EvaluationData(long_rows.store, long_rows.encoder, learned=long_rows.store.indices(Split.TRAIN)[-2:].tolist())
    assert secrets(make_reciter([]), none) == []
    assert two.learned_texts(100) == [two.sample_text(index) for index in two.learned]
    assert len(two.learned_texts(100)) == 2 < len(long_rows.learned_texts(100))


def test_rows_too_short_for_a_window_measure_nothing(make_data, rust_repository, make_reciter):
    data = make_data(rust_repository, sequence_length=64, formats=Formats(fim_rate=0.0))
    with pytest.raises(UnmeasuredError, match=r"no 100 tokens in one piece were learned.* rows above 100"):
        memorization(make_reciter([]), data, LIMIT, TimeBudget(600), 0)


def test_an_adapter_that_learned_in_another_run_is_not_said_to_have_had_too_short_rows(long_rows, make_reciter):
    data = EvaluationData(long_rows.store, long_rows.encoder, learned=[])
    with pytest.raises(UnmeasuredError, match="learned in an earlier run, whose report says what it recites"):
        memorization(make_reciter([]), data, LIMIT, TimeBudget(600), 0)


def test_no_held_out_sample_as_long_as_a_window_is_an_error_that_says_so(long_rows, make_reciter, monkeypatch):
    monkeypatch.setattr(long_rows, "windows", lambda split, *_: [[0]] if split == Split.TRAIN else [])
    with pytest.raises(UnmeasuredError, match=r"no 100 tokens in one piece were held out.*data.held_out"):
        memorization(make_reciter([]), long_rows, LIMIT, TimeBudget(600), 0)


def test_no_model_is_prompted_when_time_is_over(with_secret, make_reciter):
    reciter = make_reciter([])
    with pytest.raises(UnmeasuredError, match=r"no time was left .* raise evaluation.minutes"):
        memorization(reciter, with_secret, LIMIT, TimeBudget(0), 0)
    assert reciter.prompts == []


def test_as_many_windows_are_tried_as_there_is_time_for(with_secret, make_reciter):
    reciter = make_reciter([])
    reciter.in_time = lambda items, measure, budget: [measure(item) for item in items[:2]]
    found = memorization(reciter, with_secret, LIMIT, TimeBudget(600), 0)
    assert found["windows"] == {"train": 2, "held_out": 2}
    assert found["wanted"] == {"train": LIMIT, "held_out": 3, "secrets": 1}
