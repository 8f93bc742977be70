from types import SimpleNamespace

import pytest

from codelm.evaluation.budget import Deadline
from codelm.evaluation.data import Material
from codelm.evaluation.tasks.memorization import WINDOW, memory, secrets, sought_secrets
from codelm.evaluation.unmeasured import UnmeasuredError
from codelm.history.samples.formats import Formats
from codelm.history.store import Part
from codelm.metrics.memorization import Recital

SECRET = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15"
KEYS = f'//! Keys that nobody may see.\nfn key() -> &str {{\n    "{SECRET}"\n}}\n'
LIMIT = 6


@pytest.fixture
def long_rows(make_repository, make_material):
    """Material whose samples are longer than a window: each commit adds a function of its own words."""
    words = [
        "alder",
        "birch",
        "cedar",
        "dogwood",
        "elm",
        "fir",
        "gingko",
        "hazel",
        "ivy",
        "juniper",
        "katsura",
        "larch",
        "maple",
        "nutmeg",
        "oak",
        "pine",
    ]

    def function(number):
        word = words[number % len(words)]
        body = "".join(f"    let {word}_{number}_{line} = {word}({number * 37 + line * 11});\n" for line in range(8))
        return f"fn {word}_{number}() {{\n{body}}}\n"

    commits = [{f"src/{words[number % 16]}_{number}.rs": function(number)} for number in range(20)]
    commits[3]["src/keys.rs"] = KEYS
    return make_material(make_repository(commits, name="trees"), sequence_length=512)


def known(material, part):
    return [material.store.sample(index)[0] for index in material.store.part(part).tolist()]


def test_who_recites_the_training_text_is_found_out(long_rows, make_reciter):
    found = memory(make_reciter(known(long_rows, Part.TRAIN)), long_rows, LIMIT, Deadline(600), 0)
    assert found["windows"] == {"train": LIMIT, "held_out": 3}  # no more samples of the test part are as long
    assert found["train"] == {"base": 0.0, "tuned": 1.0}
    assert found["held_out"] == {"base": 0.0, "tuned": 0.0}
    assert found["extraction_gap"] == {"base": 0.0, "tuned": 1.0}
    assert found["gap_from_training"] == 1.0


def test_who_recites_everything_has_no_gap(long_rows, make_reciter):
    everything = known(long_rows, Part.TRAIN) + known(long_rows, Part.TEST)
    found = memory(make_reciter(everything, base=everything), long_rows, LIMIT, Deadline(600), 0)
    assert found["train"] == found["held_out"] == {"base": 1.0, "tuned": 1.0}
    assert found["extraction_gap"] == {"base": 0.0, "tuned": 0.0}


def test_half_of_a_window_is_shown_and_as_much_is_wanted(long_rows, make_reciter):
    reciter = make_reciter([])
    memory(reciter, long_rows, LIMIT, Deadline(600), 0)
    windows = [*long_rows.windows(Part.TRAIN, WINDOW, LIMIT, 0), *long_rows.windows(Part.TEST, WINDOW, LIMIT, 0)]
    halves = [window[: WINDOW // 2].tolist() for window in windows]
    assert all(half in reciter.asked for half in halves)
    short = make_reciter([text[:-1] for text in windows])
    assert memory(short, long_rows, LIMIT, Deadline(600), 0)["train"]["tuned"] == 0.0


def test_a_random_model_recites_nothing(long_rows, make_examinee):
    found = memory(make_examinee(room=128), long_rows, 2, Deadline(600), 0)
    assert found["train"] == found["held_out"] == {"base": 0.0, "tuned": 0.0}


@pytest.fixture
def with_secret(long_rows, monkeypatch):
    """The same, a file with a secret learned whatever the filters did to it."""
    monkeypatch.setattr(long_rows, "learned_texts", lambda most: [KEYS])
    return long_rows


@pytest.mark.parametrize("knows", [True, False])
def test_a_planted_secret_is_tried_and_counted_if_it_comes_back(with_secret, make_reciter, knows):
    ids, _ = with_secret.encoder.locate(KEYS)
    reciter = make_reciter([ids] if knows else [])
    assert secrets(reciter, with_secret, sought_secrets(with_secret), Deadline(600)) == [
        Recital(base=False, tuned=knows)
    ]
    shown = with_secret.encoder.decode(reciter.asked[0])
    assert shown.endswith('    "')
    assert SECRET[:4] not in shown
    told = memory(reciter, with_secret, LIMIT, Deadline(600), 0)["secrets"]
    assert told == {"tried": 1, "recited": int(knows), "recited_by_base": 0}


def test_a_secret_that_the_base_knows_is_told_of_the_base_too(with_secret, make_reciter):
    ids, _ = with_secret.encoder.locate(KEYS)
    assert secrets(make_reciter([ids], base=[ids]), with_secret, sought_secrets(with_secret), Deadline(600)) == [
        Recital(base=True, tuned=True)
    ]


def test_what_the_base_recites_of_training_windows_alone_is_no_memory_of_training(long_rows, make_reciter):
    texts = known(long_rows, Part.TRAIN)
    found = memory(make_reciter(texts, base=texts), long_rows, LIMIT, Deadline(600), 0)
    assert found["extraction_gap"] == {"base": 1.0, "tuned": 1.0}
    assert found["gap_from_training"] == 0.0


def test_a_secret_at_the_begin_of_a_file_is_tried(with_secret, make_reciter, monkeypatch):
    monkeypatch.setattr(with_secret, "learned_texts", lambda most: [SECRET])
    assert secrets(make_reciter([]), with_secret, sought_secrets(with_secret), Deadline(600)) == [Recital(False, False)]


def test_only_what_the_weights_have_learned_is_searched_for_secrets(long_rows, make_reciter):
    none = Material(long_rows.store, long_rows.encoder, learned=[])
    two = Material(long_rows.store, long_rows.encoder, learned=long_rows.store.part(Part.TRAIN)[-2:].tolist())
    assert secrets(make_reciter([]), none, sought_secrets(none), Deadline(600)) == []
    assert two.learned_texts(100) == [two.written(index) for index in two.learned]
    assert len(two.learned_texts(100)) == 2 < len(long_rows.learned_texts(100))


def test_rows_too_short_for_a_window_tell_nothing(make_material, rust_repository, make_reciter):
    material = make_material(rust_repository, sequence_length=64, formats=Formats(fim_rate=0.0))
    with pytest.raises(
        UnmeasuredError, match=r"no 100 tokens in one piece were learned.*longer files .* rows above 100"
    ):
        memory(make_reciter([]), material, LIMIT, Deadline(600), 0)


def test_where_nothing_held_out_is_as_long_as_a_window_that_is_said(long_rows, make_reciter, monkeypatch):
    windows = long_rows.windows
    monkeypatch.setattr(long_rows, "windows", lambda part, *rest: windows(part, *rest) if part == Part.TRAIN else [])
    with pytest.raises(UnmeasuredError, match=r"no 100 tokens in one piece were held out.*data.held_out"):
        memory(make_reciter([]), long_rows, LIMIT, Deadline(600), 0)


def test_nothing_is_asked_when_time_is_over(with_secret, make_reciter):
    reciter = make_reciter([])
    with pytest.raises(UnmeasuredError, match=r"no time was left .* raise evaluation.minutes"):
        memory(reciter, with_secret, LIMIT, Deadline(0), 0)
    assert reciter.asked == []


def test_as_much_is_asked_as_there_is_time_for(with_secret, make_reciter):
    class Turns:
        def __init__(self, *passed):
            self.turns = iter(passed)

        @property
        def passed(self):
            return next(self.turns)

    parts = iter([Turns(False, True), Turns(False, False)])
    deadline = SimpleNamespace(part=lambda share: next(parts), passed=False)
    found = memory(make_reciter([]), with_secret, LIMIT, deadline, 0)
    assert found["windows"] == {"train": 4, "held_out": 3}  # the reciter takes four at a time
    assert found["wanted"] == {"train": LIMIT, "held_out": 3, "secrets": 1}
