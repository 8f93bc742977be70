import copy
import re

import pytest

from codelm.callbacks import BehavioralEvaluation
from codelm.evaluation.settings import EvaluationSettings
from codelm.runs.finish.print_summary import completion_lines, loss_lines
from tests.training import recording_callbacks

CONTENT = {
    "status": "completed",
    "phase_results": {
        "phase_4_training": {
            "training_stats": {
                "base_val_loss": 2.0,
                "final_val_loss": 1.5,
                "base_perplexity": 7.389,
                "final_perplexity": 4.4817,
                "training_time_minutes": 1.25,
                "best_epoch": 1,
            },
            "history": [{"epoch": 1}, {"epoch": 2}],
        }
    },
    "behavior": {
        "evaluations": [
            {
                "epoch": epoch,
                "step": 6 * epoch,
                "completions": [{"prompt": "fn ", "text": "same"}, {"prompt": "impl", "text": text}],
            }
            for epoch, text in [(0, " A {\x1b[31m}"), (1, " Best {}"), (2, " Last {}")]
        ]
    },
}


def test_loss_and_perplexity_stand_with_their_change():
    assert loss_lines(CONTENT) == [
        "val loss       base 2.0000 -> tuned 1.5000 (-25.0 %)",
        "perplexity     base 7.3890 -> tuned 4.4817 (-39.3 %)",
        "best epoch     1 of 2, 1.2 minutes",
    ]


def test_numbers_that_are_unknown_are_left_out():
    content = copy.deepcopy(CONTENT)
    content["status"] = "interrupted"
    stats = content["phase_results"]["phase_4_training"]["training_stats"]
    stats |= {"base_val_loss": None, "final_perplexity": None}
    assert loss_lines(content)[0] == "val loss       tuned 1.5000 (interrupted)"
    assert len(loss_lines(content)) == 2


def test_the_first_completion_that_differs_is_shown_as_the_saved_weights_write_it():
    lines = completion_lines(CONTENT, 6, width=16, lines=8)
    assert lines[1] == "completion of `impl`"
    assert lines[3] == "base             | tuned, epoch 1  "
    assert lines[5] == "impl A {[31m}    | impl Best {}    "


def test_completions_of_other_weights_than_the_saved_are_not_shown():
    assert completion_lines(CONTENT, 7, 16, 8) == completion_lines(CONTENT, None, 16, 8) == []


def test_long_completions_are_cut():
    content = copy.deepcopy(CONTENT)
    content["behavior"]["evaluations"][1]["completions"][1]["text"] = "\nx" * 50
    lines = completion_lines(content, 6, width=16, lines=4)
    assert len(lines) == 3 + 2 + 4 + 1
    assert lines[-1] == "..."


@pytest.mark.parametrize(
    "behavior", [None, {"evaluations": []}, {"evaluations": CONTENT["behavior"]["evaluations"][1:]}]
)
def test_without_a_pair_no_completion_is_shown(behavior):
    assert completion_lines(CONTENT | {"behavior": behavior}, 6, 16, 8) == []


@pytest.fixture
def all_of_them():
    recording = recording_callbacks(EvaluationSettings(enabled=False))
    behavior = BehavioralEvaluation(["fn", "impl"], max_new_tokens=8, record=recording[0].record)
    return [behavior, *recording]


def test_a_run_ends_with_its_result(fit, all_of_them, capsys):
    trainer, _ = fit(*all_of_them)
    out = capsys.readouterr().out
    assert "val loss       base " in out
    assert "| tuned, epoch " in out
    assert f"adapter        {trainer.log_dir}/adapter\n" in out
    assert f"manifest       {trainer.log_dir}/MANIFEST.json\n" in out
    assert "tensorboard --logdir " in out


def test_a_stopped_run_ends_with_what_it_has(fit, all_of_them, stop_at, capsys):
    with pytest.raises(SystemExit):
        fit(stop_at(9, KeyboardInterrupt()), *all_of_them)
    assert "(interrupted)" in capsys.readouterr().out


def test_a_failed_run_prints_no_result(fit, all_of_them, stop_at, capsys):
    with pytest.raises(ValueError, match="broken"):
        fit(stop_at(9, ValueError("broken")), *all_of_them)
    assert "held-out" not in capsys.readouterr().out


def test_a_run_stopped_before_its_first_validation_says_so_and_keeps_its_mean_loss(fit, all_of_them, stop_at, capsys):
    with pytest.raises(SystemExit):
        fit(stop_at(3, KeyboardInterrupt()), *all_of_them)
    out = capsys.readouterr().out
    assert "stopped before the first validation, " in out
    assert "None" not in out.split("completion")[0]
    stats = all_of_them[0].record.manifest["phase_results"]["phase_4_training"]["training_stats"]
    assert 0 < stats["final_train_loss"] < 10


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"max_time": {"microseconds": 1000}}, r"trainer\.max_time reached after [1-9]\d* of \d+ steps"),
        ({"max_steps": 8}, r"trainer\.max_steps reached after 8 steps"),
    ],
)
def test_a_run_that_is_cut_short_says_by_what(fit, all_of_them, capsys, limit, reason):
    fit(*all_of_them, **({"max_epochs": 20} | limit))
    content = all_of_them[0].record.manifest
    assert content["status"] == "completed"
    assert re.fullmatch(reason, content["reason"])
    assert f"ended early    {content['reason']}\n" in capsys.readouterr().out


def test_a_finished_run_that_goes_on_says_that_nothing_is_left(fit, all_of_them, capsys):
    trainer, _ = fit(*all_of_them, max_epochs=1)
    capsys.readouterr()
    fit(*all_of_them, max_epochs=1, ckpt_path=trainer.checkpoint_callback.best_model_path)
    assert "nothing was left to train: the run is at epoch 1 of 1" in capsys.readouterr().out
