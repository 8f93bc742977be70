from types import SimpleNamespace

import pytest
import torch

from codelm.runs.outcome import saved_step
from codelm.runs.record import RunRecord


@pytest.fixture
def trainer(tmp_path):
    """What is needed of a trainer, its best checkpoint of step 4, itself at step 9."""
    best = tmp_path / "best.ckpt"
    torch.save({"global_step": 4, "state_dict": {}}, best)
    checkpoint = SimpleNamespace(best_model_path=str(best))
    return SimpleNamespace(callbacks=[], checkpoint_callback=checkpoint, global_step=9)


def test_what_was_saved_is_of_the_best_checkpoint_s_step(trainer):
    assert saved_step(RunRecord(), trainer) == 4


def test_without_a_checkpoint_it_is_of_this_step(trainer):
    trainer.checkpoint_callback = None
    assert saved_step(RunRecord(), trainer) == 9


def test_where_the_last_weights_were_saved_it_is_of_this_step(trainer):
    assert saved_step(RunRecord(weights="last", weights_step=9), trainer) == 9


def test_a_file_that_cannot_be_read_has_no_step(trainer, tmp_path):
    (tmp_path / "best.ckpt").write_bytes(b"nothing")
    assert saved_step(RunRecord(), trainer) is None
