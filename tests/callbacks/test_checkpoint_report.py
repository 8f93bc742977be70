from types import SimpleNamespace

import pytest
import torch

from codelm.callbacks import CheckpointReport
from codelm.errors import CodelmError
from codelm.evaluation.settings import EvaluationSettings

MODULE = "codelm.callbacks.checkpoint_report"
FIGURES = dict.fromkeys(("likelihood", "general", "cursor", "holes", "idioms", "memory")) | {"notes": []}


@pytest.fixture
def tested(tmp_path, monkeypatch):
    """A callback that has found the folder of its run, and what its evaluations are given."""
    (tmp_path / "checkpoints").mkdir()
    torch.save({"global_step": 4}, tmp_path / "checkpoints/best.ckpt")
    given = []
    monkeypatch.setattr(f"{MODULE}.evaluate_weights", lambda *_, **options: given.append(options) or (FIGURES, None))
    callback = CheckpointReport()
    callback.folder = tmp_path
    trainer = SimpleNamespace(ckpt_path=str(tmp_path / "checkpoints/best.ckpt"))
    return callback, trainer, given


def test_a_tested_checkpoint_has_learned_up_to_its_step(tested, tmp_path, capsys):
    callback, trainer, given = tested
    callback.on_test_end(trainer, None)
    assert [(each["step"], each["checkpoint"]) for each in given] == [(4, trainer.ckpt_path)]
    assert f"report         {tmp_path}/report.html\n" in capsys.readouterr().out


def test_without_a_summary_nothing_is_printed(tested, capsys):
    callback, trainer, given = tested
    callback.summary = False
    callback.on_test_end(trainer, None)
    assert (len(given), capsys.readouterr().out) == (1, "")


def test_the_tested_step_is_the_chosen_one(tested, monkeypatch):
    callback, trainer, given = tested
    left = [{"epoch": step, "step": step, "chosen": step == 1} for step in (0, 1, 4)]
    losses = {"base": 2.0, "tuned": 1.0}
    callback.record.forgetting = [{"epoch": step, "step": step, "bits": 1.0, "loss": losses} for step in (0, 4)]
    for earlier in (left, []):
        monkeypatch.setattr(f"{MODULE}.earlier_epochs", lambda folder, earlier=earlier: earlier)
        callback.on_test_end(trainer, None)
    assert [[each["step"] for each in found["epochs"]] for found in given] == [[0, 1, 4], [0, 4]]
    assert [[each["step"] for each in found["epochs"] if each["chosen"]] for found in given] == [[4], [4]]


def test_a_test_whose_evaluation_fails_ends_with_its_error_once_the_loss_is_printed(tested, monkeypatch):
    callback, trainer, _ = tested
    callback.teardown(None, None, "test")
    monkeypatch.setattr(f"{MODULE}.evaluate_weights", lambda *_, **__: (None, "RuntimeError: no memory"))
    callback.on_test_end(trainer, None)
    callback.teardown(None, None, "fit")
    with pytest.raises(CodelmError, match="no report, the test loss stands: RuntimeError: no memory"):
        callback.teardown(None, None, "test")


def test_a_test_says_that_it_evaluates_nothing(tested, monkeypatch, caplog):
    callback, trainer, _ = tested
    monkeypatch.setattr(f"{MODULE}.has_history", lambda _: True)
    callback.settings, trainer.is_global_zero = EvaluationSettings(enabled=False), True
    with caplog.at_level("INFO"):
        callback.on_test_start(trainer, None)
    assert callback.folder is None
    assert "--evaluation.enabled true evaluates" in caplog.text
