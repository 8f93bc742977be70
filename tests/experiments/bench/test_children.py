import json
import logging
import math
import os
import subprocess
import sys
import time
from random import Random
from types import SimpleNamespace

import pytest

from experiments.bench.tasks import ROOT, Task, TaskFailedError, run

pytest.importorskip("git")


@pytest.fixture(scope="module")
def trained(tiny_base, tmp_path_factory):
    """The outcome of three training steps in a process of their own."""
    options = {"base": str(tiny_base), "rows": 2, "tokens": 64, "checkpointing": False, "steps": 2}
    return run(Task("steps.train", ROOT, options), tmp_path_factory.mktemp("scratch"))


def test_steps_are_measured_in_a_process_of_their_own(trained):
    assert trained["tokens_per_second"] > 0
    assert len(trained["losses"]) == 3
    assert all(math.isfinite(loss) and loss > 0 for loss in trained["losses"])
    assert trained["last_loss"] == trained["losses"][-1]
    assert 100 < trained["memory"] < 4000


@pytest.mark.slow
@pytest.mark.parametrize(("peer", "package"), [("transformers", "transformers"), ("trl", "trl")])
def test_peers_train_on_as_many_tokens(peer, package, tiny_base, tmp_path, trained):
    pytest.importorskip(package)
    options = {"base": str(tiny_base), "rows": 2, "tokens": 64, "checkpointing": True, "steps": 2}
    found = run(Task(f"peer_steps.train_with_{peer}", ROOT, options), tmp_path)
    assert set(found) == set(trained)
    assert len(found["losses"]) == 3
    assert all(math.isfinite(loss) and loss > 0 for loss in found["losses"])


def test_a_build_that_was_not_measured_is_found_out(make_repository, tmp_path):
    options = {"repository": str(make_repository([{"a.rs": "fn a() {}\n"}])), "tip": "HEAD", "newest": None}
    assert run(Task("reading.read_with_codelm", ROOT, options), tmp_path)["bytes"] == 10
    with pytest.raises(TaskFailedError, match=r"none was to be measured, and .*codelm/__init__\.py was"):
        run(Task("reading.read_with_codelm", tmp_path / "none", options), tmp_path)


def test_codelm_comes_from_the_build_and_measuring_code_from_here(make_repository, tmp_path):
    repository = """
def open_repository(folder): pass
def read_commits(*arguments): return []
"""
    files = {"codelm/__init__.py": "", "codelm/git/__init__.py": "", "codelm/git/repository.py": repository}
    for name, text in {**files, "experiments/__init__.py": "raise ImportError"}.items():
        (tmp_path / "other" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "other" / name).write_text(text)
    options = {"repository": str(make_repository([{"a.rs": "x"}])), "tip": "HEAD", "newest": None}
    assert run(Task("reading.read_with_codelm", tmp_path / "other", options), tmp_path)["bytes"] == 0


def test_all_read_the_same_bytes(make_repository):
    from experiments.bench.children import reading

    folder = str(make_repository([{"a.rs": "fn a() {}\n"}, {"b.rs": "fn b() {}\n" * 3, "a.rs": None}]))
    ours, theirs, git = (
        read(folder, "HEAD", None)["bytes"]
        for read in (reading.read_with_codelm, reading.read_with_gitpython, reading.read_with_git)
    )
    assert ours == theirs == 40
    assert git > 40
    assert reading.read_with_codelm(folder, "HEAD", 1)["bytes"] == 30


def test_git_alone_reads_more_commits_than_a_pipe_holds_ids_of(make_repository):
    from experiments.bench.children import reading

    folder = str(make_repository([{"a.rs": f"fn f{number}() {{}}\n" * 9} for number in range(2000)]))
    assert reading.read_with_git(folder, "HEAD", None)["bytes"] > 2000 * 41


def test_a_store_of_a_copied_cache_leaves_the_cache_alone(rust_repository, tmp_path, monkeypatch):
    from experiments.bench.children import stores

    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "cache"
    earlier = stores.build(str(rust_repository), "HEAD~10", 256, cache=str(cache))
    before = sorted(path.name for path in cache.iterdir())
    later = stores.build(str(rust_repository), "HEAD", 256, copied_cache=str(cache))
    assert later["tokens"] > earlier["tokens"] > 0
    assert sorted(path.name for path in cache.iterdir()) == before
    assert [path.name for path in tmp_path.iterdir() if path.name != "numbers"] == ["cache"]
    floor = stores.encode_only(str(cache))
    assert 0 < floor["tokens"] < earlier["tokens"] * 1.1


def test_both_losses_are_the_same_sum(monkeypatch):
    from experiments.bench.children import losses

    for name, value in {"_TOKENS": 8, "_WIDTH": 4, "_VOCABULARY": 16}.items():
        monkeypatch.setattr(losses, name, value)
    assert losses.chunked()["loss"] == pytest.approx(losses.full()["loss"], rel=1e-5)


def test_rows_are_full_and_their_samples_begin_at_position_0():
    from experiments.bench.children.packed_rows import training_batch

    batch = training_batch([list(range(1024)), list(range(1024, 2048))], Random(0))
    assert batch["position_ids"].shape == batch["input_ids"].shape == (2, 1024)
    starts = batch["position_ids"] == 0
    assert starts[:, 0].all()
    assert 4 <= int(starts.sum()) <= 20
    steps = batch["position_ids"].diff(dim=1)
    assert ((steps == 1) | starts[:, 1:]).all()
    assert batch["step_weight"] == 2048 - starts.sum()


def test_rows_of_tokens_follow_one_another():
    from experiments.bench.children.packed_rows import token_rows

    rows = token_rows(lambda text, **_: {"input_ids": list(range(len(text)))}, 3, 50)
    assert rows == [list(range(start, start + 50)) for start in (0, 50, 100)]


def test_the_share_leaves_out_the_first_step_of_either_half():
    from experiments.bench.children.step_times import BusyHalf

    times = BusyHalf()
    times.ends = [9.0, 10.0, 11.0, 20.0, 24.0, 28.0]
    assert times.share == pytest.approx(25.0)


def test_loops_run_from_the_middle_of_the_epoch_and_end_with_it(monkeypatch):
    from experiments.bench.children import step_times

    told = []
    loops = SimpleNamespace(end=lambda: told.append("end"))
    monkeypatch.setattr(step_times, "BusyLoops", lambda: told.append("begin") or loops)
    times, trainer = step_times.BusyHalf(), SimpleNamespace(num_training_batches=4)
    for index in range(4):
        times.on_train_batch_end(trainer, None, {"loss": 1.0}, None, index)
        assert told == (["begin"] if index else [])
    times.on_train_epoch_end(trainer, None)
    assert told == ["begin", "end"]


def test_busy_loops_are_there_until_they_are_ended():
    from experiments.bench.children.busy_loops import BusyLoops

    loops = BusyLoops()
    assert len(loops.processes) == len(os.sched_getaffinity(0))
    assert all(process.poll() is None for process in loops.processes)
    loops.end()
    assert all(process.poll() is not None for process in loops.processes)


def test_a_report_takes_from_the_evaluation_s_first_line_to_the_end_and_counts(tmp_path, monkeypatch):
    from experiments.bench.children import commands

    def main(arguments):
        time.sleep(0.2)
        for _ in range(2):
            logging.getLogger("codelm.evaluation.evaluate").warning("evaluation")
            time.sleep(0.1)
        (tmp_path / "evaluation").mkdir()
        figures = {"holes": {"tasks": 5}, "cursor": None, "memory": {"windows": {"train": 7}}}
        (tmp_path / "evaluation" / "figures.json").write_text(json.dumps(figures))
        return 0

    monkeypatch.setattr(commands, "main", main)
    found = commands.report(["test"], str(tmp_path))
    assert found.pop("seconds") >= 0.2
    assert found == {"holes": 5, "windows": 7}


@pytest.mark.parametrize(("status", "word"), [(2, "status 2"), (0, "evaluated nothing")])
def test_a_command_that_evaluates_nothing_is_no_measurement(status, word, tmp_path, monkeypatch):
    from experiments.bench.children import commands

    monkeypatch.setattr(commands, "main", lambda arguments: status)
    with pytest.raises(TaskFailedError, match=word):
        commands.report(["test"], str(tmp_path))


def test_seconds_are_counted_from_the_start_of_the_process():
    code = "import time; time.sleep(0.2); from experiments.bench.children.commands import seconds_before as seconds;"
    began = time.monotonic()
    command = [sys.executable, "-c", f"{code} print(seconds(time.monotonic()))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert 0.2 < float(done.stdout) < time.monotonic() - began + 0.02  # the kernel counts hundredths
