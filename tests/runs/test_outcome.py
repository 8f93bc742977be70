from types import SimpleNamespace

import pytest
import torch

from codelm.runs.outcome import ending, number, saved_step


@pytest.fixture
def trainer(tmp_path):
    """What is asked of a trainer, its best checkpoint of step 4, itself at step 9."""
    best = tmp_path / "best.ckpt"
    torch.save({"global_step": 4, "state_dict": {}}, best)
    checkpoint = SimpleNamespace(best_model_path=str(best))
    return SimpleNamespace(callbacks=[], checkpoint_callback=checkpoint, global_step=9)


def test_what_was_saved_is_of_the_best_checkpoint_s_step(trainer):
    assert saved_step(trainer) == 4


def test_without_a_checkpoint_it_is_of_this_step(trainer):
    trainer.checkpoint_callback = None
    assert saved_step(trainer) == 9


def test_where_the_last_weights_were_saved_it_is_of_this_step(trainer):
    from codelm.callbacks import ExportAdapter

    export = ExportAdapter()
    export.source = "last"
    trainer.callbacks = [export]
    assert saved_step(trainer) == 9


def test_a_file_that_cannot_be_read_tells_no_step(trainer, tmp_path):
    (tmp_path / "best.ckpt").write_bytes(b"nothing")
    assert saved_step(trainer) is None


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (SystemExit(143), ("interrupted", None)),
        (RuntimeError("two\n lines"), ("failed", "RuntimeError: two lines")),
        (ValueError("x" * 5000), ("failed", ("ValueError: " + "x" * 5000)[:1000])),
    ],
)
def test_an_exception_says_how_a_run_ended(error, wanted):
    assert ending(error) == wanted


def test_a_metric_is_a_number_or_none():
    assert (number(torch.tensor(1.5)), number(2), number(None)) == (1.5, 2.0, None)
