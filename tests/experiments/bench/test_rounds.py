import pytest

from experiments.bench import rounds
from experiments.bench.rounds import measure
from experiments.bench.rows import SECONDS, Contender, Inputs, Row
from experiments.bench.tasks import ROOT, Task, TaskFailedError


@pytest.fixture
def done(monkeypatch):
    """Let tasks do nothing, and list their functions; those whose function is ``fails`` fail."""
    functions = []

    def run(task, scratch):
        functions.append(task.function)
        if task.function == "fails":
            raise TaskFailedError("KeyError: 'x'")
        return {"seconds": float(len(functions))}

    monkeypatch.setattr(rounds, "run", run)
    return functions


def measured(tmp_path, *contenders, times=3):
    inputs = Inputs("repository", "tip", "tip~10", "demo", tmp_path)
    return measure(Row("row", "work", (SECONDS,), lambda given: list(contenders)), inputs, times)


def task(name):
    return Task(name, ROOT)


def test_contenders_take_turns_and_prepare_once_before_all(done, tmp_path):
    first, second = Contender("a", task("a"), [task("prepare a")]), Contender("b", task("b"), [task("prepare b")])
    found = measured(tmp_path, first, second)
    assert done == ["prepare a", "prepare b", "a", "b", "a", "b", "a", "b"]
    assert [outcome["seconds"] for outcome in found.outcomes["a"]] == [3.0, 5.0, 7.0]
    assert found.absences == {}


def test_a_peer_that_is_not_installed_is_not_asked(done, tmp_path):
    found = measured(tmp_path, Contender("a", task("a")), Contender("b", task("b"), needs="no_such_package"), times=1)
    assert done == ["a"]
    assert found.absences == {"b": "not installed: pip install no_such_package"}
    assert found.outcomes["b"] == []


@pytest.mark.parametrize("failing", [Contender("b", task("fails")), Contender("b", task("b"), [task("fails")])])
def test_one_that_fails_takes_no_further_part_and_stops_no_other(failing, done, tmp_path):
    found = measured(tmp_path, failing, Contender("a", task("a")))
    assert done.count("fails") == 1
    assert done.count("a") == 3
    assert "b" not in done
    assert found.absences == {"b": "failed: KeyError: 'x'"}
