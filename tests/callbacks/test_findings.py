import json
from types import SimpleNamespace

import pytest

from codelm.callbacks.behavior import BehavioralEvaluation
from codelm.callbacks.findings import FOLDER, REPORT, dot, earlier_epochs, prompts, write

NOTHING = dict.fromkeys(("likelihood", "general", "holes", "idioms", "memory"))
RUN = {"name": "a", "base": "tiny", "repositories": ["a"], "part": "test", "cuts": ["0" * 40], "seconds": 1.0}
FIGURES = {
    "codelm_evaluation": 1,
    "run": RUN | {"best_epoch": None, "written": "2026-01-01T00:00:00+00:00"},
    "notes": [],
}
FIGURES |= NOTHING | {"epochs": [{"epoch": 0}], "prompts": []}


def test_what_is_written_is_read_again_and_written_over(tmp_path):
    for rows in ([{"path": "a\udcff.rs"}, {"path": "b"}], [{"path": "c"}]):
        write(tmp_path, FIGURES | {"epochs": []}, rows)
        found = (tmp_path / FOLDER / "holes.jsonl").read_text().splitlines()
        assert [json.loads(row) for row in found] == rows
    assert (tmp_path / REPORT).is_file()
    assert {path.name for path in tmp_path.iterdir()} == {REPORT, FOLDER}


def test_the_dots_of_a_run_are_those_it_left(tmp_path):
    assert earlier_epochs(tmp_path) == []
    write(tmp_path, FIGURES | {"epochs": []}, [])
    (tmp_path / FOLDER / "figures.json").write_text(json.dumps(FIGURES))
    assert earlier_epochs(tmp_path) == [{"epoch": 0}]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"epochs": null}', "{"])
def test_a_damaged_record_has_no_dots(content, tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "figures.json").write_text(content)
    assert earlier_epochs(tmp_path) == []


def test_a_dot_is_the_change_against_the_base():
    base = {"epoch": 0, "step": 0, "bits": 2.0, "loss": {"base": 4.0, "tuned": 4.0}}
    found = dot({"epoch": 1, "step": 9, "bits": 2.5, "loss": {"base": 4.0, "tuned": 3.0}}, base, chosen=True)
    changes = {"repository_change_percent": -25.0, "general_change_percent": 25.0}
    assert found == {"epoch": 1, "step": 9, "chosen": True, **changes}
    for loss in ({"base": None, "tuned": 3.0}, {"base": 4.0, "tuned": None}):
        assert (
            dot({"epoch": 1, "step": 9, "bits": 2.0, "loss": loss}, base, chosen=False)["repository_change_percent"]
            is None
        )


def behavior(*texts):
    """Return the callback after it wrote one completion of a prompt in each epoch, the first as the base."""
    callback = BehavioralEvaluation(["fn main("])
    callback.records = [
        {"epoch": epoch, "completions": [{"prompt": "fn main(", "text": text}]} for epoch, text in enumerate(texts)
    ]
    return SimpleNamespace(callbacks=[callback])


def test_without_two_evaluations_of_behaviour_there_are_no_illustrations():
    assert prompts(SimpleNamespace(callbacks=[])) == prompts(behavior()) == prompts(behavior(") {}")) == []


def test_the_base_s_and_the_newest_completions_illustrate():
    assert prompts(behavior("base", "early", "late")) == [{"prompt": "fn main(", "base": "base", "tuned": "late"}]
