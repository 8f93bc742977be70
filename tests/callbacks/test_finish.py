"""The steps that end a run: their order, and what becomes of the others where one fails or is stopped."""

import json

import pytest

from codelm.callbacks import FinishRun
from codelm.evaluation.settings import EvaluationSettings
from codelm.runs.finish import FinishingStep
from tests.training import recording_callbacks


@pytest.fixture
def make_steps():
    """Return a function that makes steps which note what is done, one of which may raise an error."""

    class Step(FinishingStep):
        def __init__(self, name, done, error=None):
            self.name, self.done, self.error = name, done, error

        def finish(self, trainer, pl_module):
            self.done.append((self.name, self.record.status))
            if self.error is not None:
                raise self.error

        def abort(self, trainer, pl_module, error):
            self.done.append((self.name, type(error).__name__))

    def make(**errors):
        done = []
        return done, [Step(name, done, errors.get(name)) for name in "abc"]

    return make


def test_each_step_is_done_in_its_order(fit, make_steps):
    done, steps = make_steps()
    fit(FinishRun(steps), max_epochs=1)
    assert done == [("a", "completed"), ("b", "completed"), ("c", "completed")]


def test_a_step_that_fails_keeps_no_other_from_being_done_and_its_error_ends_the_run(fit, make_steps, caplog):
    done, steps = make_steps(a=OSError("no space left"), b=ValueError("later"))
    with pytest.raises(OSError, match="no space left"):
        fit(FinishRun(steps), max_epochs=1)
    assert done == [("a", "completed"), ("b", "failed"), ("c", "failed")]
    assert steps[0].record.reason == "OSError: no space left"
    assert [line.split(":", 1)[1].strip() for line in caplog.messages if "Step failed" in line] == [
        "OSError: no space left",
        "ValueError: later",
    ]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143)])
def test_a_step_that_is_stopped_and_those_behind_it_do_what_they_still_can(fit, make_steps, stop):
    done, steps = make_steps(b=stop)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(FinishRun(steps), max_epochs=1)
    name = type(stop).__name__
    assert done == [("a", "completed"), ("b", "completed"), ("b", name), ("c", name)]


def test_a_training_that_fails_aborts_each_step_once(fit, make_steps, stop_at):
    done, steps = make_steps()
    with pytest.raises(ValueError, match="broken"):
        fit(FinishRun(steps), stop_at(3, ValueError("broken")))
    assert done == [("a", "ValueError"), ("b", "ValueError"), ("c", "ValueError")]


def test_a_step_that_cannot_be_aborted_keeps_no_other_from_it(fit, make_steps, stop_at, caplog):
    done, steps = make_steps()

    def fail(*_):
        raise OSError("no space left")

    steps[0].abort = fail
    with pytest.raises(ValueError, match="broken"):
        fit(FinishRun(steps), stop_at(3, ValueError("broken")))
    assert [name for name, _ in done] == ["b", "c"]
    assert "Step failed after the run had ended: no space left" in caplog.text


def test_a_training_that_was_stopped_is_interrupted_whatever_its_steps_are(fit, make_steps, stop_at):
    _, steps = make_steps()
    with pytest.raises(SystemExit):
        fit(FinishRun(steps), stop_at(3, KeyboardInterrupt()))
    assert steps[0].record.status == "interrupted"


def test_an_evaluation_that_is_stopped_after_the_first_manifest_failed_is_in_the_second(
    run_history, monkeypatch, tmp_path
):

    from codelm.runs.finish import write_manifest as module

    original = module.write_text

    def full(path, text):
        if json.loads(text)["status"] == "completed":
            raise OSError("no space left")
        original(path, text)

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_text", full)
    monkeypatch.setattr("codelm.runs.evaluation.evaluate", stop)
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        run_history(max_epochs=1)
    (path,) = tmp_path.rglob("MANIFEST.json")
    content = json.loads(path.read_text())
    assert (content["status"], content["evaluation"]) == ("failed", {"unfinished": "stopped"})


def test_all_callbacks_and_steps_of_a_trainer_share_one_record(fit):
    callbacks = recording_callbacks(EvaluationSettings(enabled=False))
    fit(*callbacks, fast_dev_run=True)
    assert len({id(one.record) for one in (*callbacks, *callbacks[-1].steps)}) == 1


def test_a_failed_export_loses_neither_the_manifest_nor_its_reason(run_history, monkeypatch, tmp_path):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("codelm.modules.LoRACausalLM.save_adapter", full)
    with pytest.raises(OSError, match="no space left"):
        run_history(max_epochs=1)
    (path,) = tmp_path.rglob("MANIFEST.json")
    content = json.loads(path.read_text())
    assert content["status"] == "failed"
    assert (
        content["reason"] == f"ResourceError: output folder {path.parent}: no space left; choose another with --output"
    )
    assert content["adapter"] == {"weights": None, "sha256": {}}
    assert content["evaluation"]["likelihood"]["commits"] > 0
