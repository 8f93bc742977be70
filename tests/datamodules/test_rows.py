import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from codelm.batch import IGNORE
from codelm.datamodules.rows import PackedRows
from codelm.history.epochs.plan import MicroBatch


@pytest.fixture
def batch_of(make_store):
    """Return a function that makes the batch of rows of training samples of 5, 9, 3, 12 and 7 tokens."""

    def make(*rows, context_weight=0.25):
        return PackedRows(make_store(), [MicroBatch(rows, step_weight=3.5)], context_weight)[0]

    return make


@pytest.fixture
def batch(batch_of):
    return batch_of((0, 2), (1,))


def test_positions_restart_at_each_sample_and_at_the_padding(batch):
    assert batch["position_ids"][0].tolist() == [0, 1, 2, 3, 4, 0, 1, 2, *range(56)]
    assert batch["position_ids"][1].tolist() == [*range(9), *range(55)]


def test_rows_are_padded_to_a_multiple_of_64(batch):
    assert batch["input_ids"].shape == (2, 64)
    assert batch["input_ids"][0].tolist() == [10] * 5 + [12] * 3 + [0] * 56


def test_labels_are_the_tokens_with_a_weight_and_nothing_else(batch):
    assert batch["labels"][0].tolist() == [IGNORE, 10, 10, 10, 10, IGNORE, 12, 12] + [IGNORE] * 56
    assert ((batch["labels"] != IGNORE) == (batch["weights"] > 0)).all()


def test_context_weighs_what_the_setting_says(batch):
    assert batch["weights"][0].tolist() == [0, 0.25, 1, 1, 1, 0, 1, 1] + [0] * 56


def test_context_of_weight_zero_is_not_learned(batch_of):
    labels = batch_of((1,), context_weight=0.0)["labels"]
    assert (labels != IGNORE).sum() == 5


def test_an_empty_row_is_all_padding(batch_of):
    batch = batch_of(())
    assert batch["input_ids"].shape == (1, 64)
    assert batch["weights"].sum() == 0


def test_a_batch_carries_the_weight_of_its_step(batch):
    assert batch["step_weight"] == 3.5


_PROGRAM = """
import sys, time
from torch.utils.data import DataLoader
from codelm.datamodules.rows import set_up_worker

if __name__ == "__main__":
    numbers = list(range(100))
    loader = DataLoader(numbers, num_workers=1, worker_init_fn=set_up_worker, multiprocessing_context=sys.argv[1])
    batches = iter(loader)
    next(batches)
    print(batches._workers[0].pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("start", ["fork", "forkserver"])
def test_a_worker_does_not_outlive_a_process_that_is_killed(tmp_path, start):
    (tmp_path / "program.py").write_text(_PROGRAM)
    with subprocess.Popen(
        [sys.executable, tmp_path / "program.py", start], stdout=subprocess.PIPE, text=True
    ) as reader:
        worker = psutil.Process(int(reader.stdout.readline()))
        reader.kill()
    try:
        worker.wait(30)  # raises where it is still there
    finally:
        with suppress(psutil.NoSuchProcess):
            worker.kill()
