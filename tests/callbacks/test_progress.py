import io
from itertools import count
from types import SimpleNamespace

import pytest

from codelm.callbacks import Progress, TrainingHistory


@pytest.fixture
def progress():
    return lambda **settings: Progress(**({"every_seconds": 1e-9} | settings))


def test_a_log_gets_readable_lines_and_no_carriage_returns(fit, progress, capsys):
    fit(progress(), max_epochs=1, enable_progress_bar=True)
    out = capsys.readouterr().out
    assert "\r" not in out
    lines = [line for line in out.splitlines() if line.startswith("epoch")]
    assert len(lines) == 7
    assert lines[3].startswith("epoch 1: batch 4/6, ")
    assert "train/loss" in lines[3]
    assert lines[-1].startswith("epoch 1 measured")
    assert "val/loss" in lines[-1]
    assert "v_num" not in out


def test_lines_come_only_every_so_often(fit, progress, capsys, monkeypatch):
    ticks = count(-10, 10)  # the epoch begins at 0, and each batch takes 10 seconds
    monkeypatch.setattr("codelm.callbacks.progress.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    fit(progress(every_seconds=35.0), max_epochs=1, enable_progress_bar=True)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch 1: batch")]
    assert line.startswith("epoch 1: batch 4/6, 0.10 a second, ")


def test_a_terminal_gets_lightnings_bar(fit, progress, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    fit(progress(), max_epochs=1, enable_progress_bar=True)
    assert "\r" in terminal.getvalue()
    assert "batch 4/6" not in terminal.getvalue()


def test_a_process_whose_bar_is_disabled_writes_nothing(fit, progress, capsys):
    callback = progress()
    callback.disable()
    fit(callback, max_epochs=1, enable_progress_bar=True)
    assert "epoch" not in capsys.readouterr().out


def test_what_the_model_prints_is_still_seen(progress, capsys):
    callback = progress()
    callback.writes_lines = True
    callback.print("a", 1, sep="-")
    assert capsys.readouterr().out == "a-1\n"


def test_a_measured_epoch_is_told_with_its_mean_training_loss(fit, progress, capsys):
    history = TrainingHistory()
    fit(history, progress(record=history.record), max_epochs=2, enable_progress_bar=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if " measured, " in line]
    means = [f"train/loss {each.train_loss:.4g}" for each in history.record.history]
    assert [mean in line for mean, line in zip(means, lines, strict=True)] == [True, True]
    assert all(line.endswith("val/loss of lines that held-out commits added)") for line in lines)


def test_a_validation_says_where_it_is_and_how_long_it_takes(fit, progress, capsys):
    fit(progress(), max_epochs=1, enable_progress_bar=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("validation: batch ")]
    assert lines
    assert lines[-1].endswith(" 00:00 of it left")


def test_the_time_left_is_said_to_be_the_epochs(fit, progress, capsys):
    fit(progress(), max_epochs=1, enable_progress_bar=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch 1: batch")]
    assert all(" of the epoch left, " in line for line in lines)


@pytest.mark.parametrize(("max_steps", "places"), [(2, ["1/4", "2/4", "3/4", "4/4"]), (4, ["1/2", "2/2"])])
def test_an_epoch_that_max_steps_cuts_ends_there(fit, progress, capsys, monkeypatch, max_steps, places):
    """Of two epochs of six batches, two to a step."""
    ticks = count(-10, 10)
    monkeypatch.setattr("codelm.callbacks.progress.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    fit(progress(), max_epochs=2, max_steps=max_steps, accumulate_grad_batches=2, enable_progress_bar=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if ": batch " in line and line.startswith("epoch")]
    cut = lines[-len(places) :]
    assert [line.split()[3].rstrip(",") for line in cut] == places
    assert all(" until trainer.max_steps, " in line for line in cut)
    assert " 00:00 until trainer.max_steps, " in cut[-1]
    assert all(" of the epoch left, " in line for line in lines[: -len(places)])


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
def test_a_training_that_goes_on_within_an_epoch_counts_what_it_has_learned(fit, progress, capsys, tmp_path):
    fit(max_epochs=1, max_steps=2)
    (last,) = tmp_path.rglob("last.ckpt")
    fit(progress(), max_epochs=1, max_steps=4, ckpt_path=last, enable_progress_bar=True)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch 1: batch")]
    assert [line.split()[3] for line in lines] == ["3/4,", "4/4,"]
