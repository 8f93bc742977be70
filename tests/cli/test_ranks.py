"""Trainings in several real processes, which meet over gloo on one machine."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from lightning.pytorch.strategies import DDPStrategy

from codelm.cli import main, other_ranks
from codelm.cli.other_ranks import FIRST_PROCESS, OtherRanks
from codelm.cli.ranks import all_ranks
from codelm.stopping_signals import STOPPING, Stopped, stop_signals
from tests.cli.short_runs import kill_groups

CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4, dropout: 0.0}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, held_out: 0.3, context_weight: 0.5}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 2, accumulate_grad_batches: 2, log_every_n_steps: 1}
behavior: {prompts: ["fn main"], max_new_tokens: 2}
evaluation: {enabled: false}
early_stopping: {patience: 1000}
"""
LONG = ("--quiet", "--trainer.max_epochs=1000", "--behavior.prompts=[]")
MINUTE = 60
ON_MANY_CORES = """
import os, sys
os.sched_getaffinity = lambda _: range(4)
from codelm.cli import main
sys.exit(main())
"""
"""The command on a machine that seems to have four cores, so that four processes are tried on one that has two."""


@pytest.fixture
def config():
    """The configuration of a short run, of several processes."""
    return CONFIG


@pytest.fixture
def start(folder):
    """Return a function that starts ``codelm fit`` in so many processes, which are ended with the test."""
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    started = []

    def run(ranks, *arguments):
        ddp = ["--trainer.strategy=ddp", f"--trainer.devices={ranks}"]
        command = [sys.executable, "-c", ON_MANY_CORES, "fit", "--config", "../short.yaml", *ddp, *arguments]
        # a group of its own, so that none of its processes can outlive the test
        options = {"cwd": folder, "env": environment, "start_new_session": True, "text": True}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options))
        return started[-1]

    yield run
    kill_groups(started)


def manifest(run):
    return json.loads((run / "MANIFEST.json").read_text())


def validations(run):
    return manifest(run)["phase_results"]["phase_4_training"]["history"]


def files(folder):
    """The files of a run, without numbers of processes and moments."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted("events" if name.startswith("events") else name for name in names)


def reach_the_loss_of_one(start, folder, ranks):
    process = start(ranks, "--output=many", "--name=a", f"--data.batch_size={4 // ranks}")
    assert main(["fit", "--config=../short.yaml", "--output=one", "--name=a", "--data.batch_size=4"]) == 0
    output, error = process.communicate(timeout=10 * MINUTE)
    assert process.returncode == 0, error
    one, many = (folder / f"{name}/a/version_0" for name in ("one", "many"))
    assert len(validations(one)) == 2
    for alone, together in zip(validations(one), validations(many), strict=True):
        assert together["step"] == alone["step"]
        assert together["val_loss"] == pytest.approx(alone["val_loss"], abs=1e-4)
        assert together["train_loss"] == pytest.approx(alone["train_loss"], abs=1e-4)
    held_out = [manifest(run)["phase_results"]["phase_4_training"]["held_out"] for run in (one, many)]
    assert all(held_out[0][name] == held_out[1][name] > 0 for name in ("rows", "targets"))
    assert files(one) == files(many)
    assert [path.name for path in (folder / "many/a").iterdir()] == ["version_0"]
    lines = [line for line in output.splitlines() if line.startswith("val loss")]
    assert len(lines) == 1
    assert error.count("history: ") == 1, error


def test_two_processes_reach_the_loss_of_one_and_write_each_file_once(start, folder):
    reach_the_loss_of_one(start, folder, 2)


@pytest.mark.slow
def test_four_processes_reach_the_loss_of_one_and_write_each_file_once(start, folder):
    reach_the_loss_of_one(start, folder, 4)


@pytest.mark.slow
def test_in_bfloat16_on_4_bits_two_processes_reach_the_loss_of_one_that_computes_the_same_rows_at_a_time(start, folder):
    # a batch of another shape rounds otherwise, in one process as in two: docs/several-processes.md has the figures
    shared = ["--quiet", "--name=a", "--model.quantization=nf4", "--trainer.precision=bf16-mixed"]
    shared += ["--data.batch_size=1", "--behavior.prompts=[]"]
    process = start(2, *shared, "--output=many", "--trainer.accumulate_grad_batches=2")
    alone = ["--config=../short.yaml", *shared, "--output=one", "--trainer.accumulate_grad_batches=4"]
    assert main(["fit", *alone]) == 0
    error = process.communicate(timeout=10 * MINUTE)[1]
    assert process.returncode == 0, error
    one, many = (validations(folder / f"{name}/a/version_0") for name in ("one", "many"))
    assert len(one) == 2
    for name in ("step", "train_loss", "val_loss"):
        assert [each[name] for each in many] == pytest.approx([each[name] for each in one], abs=1e-5)


def others(process):
    """The numbers of the processes that a run has started."""
    return [int(each) for each in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def lives(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def training(start, folder):
    """Return a function that starts a long run, and returns it with its other processes once it has checkpoints."""

    def begin(ranks=2):
        process = start(ranks, *LONG, "--output=runs", "--name=a")
        until = time.monotonic() + 5 * MINUTE
        # the best of an epoch is saved behind the last.ckpt of its validation
        while not list(folder.glob("runs/a/version_0/checkpoints/epoch=*.ckpt")) and time.monotonic() < until:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.2)
        return process, others(process)

    return begin


def end_of(process, numbers):
    """Return the lines on standard error of a run that ends within a minute, with all of its processes."""
    error = process.communicate(timeout=MINUTE)[1]
    until = time.monotonic() + 5
    while any(map(lives, numbers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(lives, numbers))
    return error.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("to", ["first", "other", "all"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_processes_and_the_run_can_go_on(training, folder, number, to):
    process, numbers = training()
    assert len(numbers) == 1
    if to == "all":
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid if to == "first" else numbers[0], number)
    assert end_of(process, numbers) == ["codelm: stopped"]
    assert process.returncode == 128 + number
    run = folder / "runs/a/version_0"
    assert manifest(run)["status"] == "interrupted"
    assert {"last.ckpt"} < {path.name for path in (run / "checkpoints").iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4])
def test_a_killed_process_ends_the_others_with_a_line(training, folder, ranks):
    process, numbers = training(ranks)
    os.kill(numbers[-1], signal.SIGKILL)
    (line,) = end_of(process, numbers)
    cause = f"the process of rank {ranks - 1} was ended by SIGKILL"
    assert line.startswith(f"codelm: error: {cause}")
    assert process.returncode == 1
    ended = manifest(folder / "runs/a/version_0")
    assert ended["status"] == "failed"
    assert ended["reason"].startswith(f"CodelmError: {cause}")


def test_an_error_is_explained_by_a_process_that_is_found_dead_a_moment_later():
    ranks = OtherRanks(None)
    threading.Timer(0.3, setattr, (ranks, "failure", "the process of rank 1 was ended by SIGKILL")).start()
    other, closed = ValueError("of its own"), RuntimeError("Connection closed by peer")
    for error in (other, closed):
        ranks.explain(error)
    assert other.__cause__ is None
    assert str(closed.__cause__) == "the process of rank 1 was ended by SIGKILL"


def test_an_error_that_no_other_process_explains_is_waited_for_once(monkeypatch):
    clock, waits = [0.0], []

    def sleep(seconds):
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(other_ranks, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    ranks, error = OtherRanks(None), RuntimeError("of its own")
    ranks.explain(error)
    first = len(waits)
    ranks.explain(error)
    assert len(waits) == first > 0
    assert error.__cause__ is None


@pytest.mark.slow
def test_a_first_process_that_is_killed_takes_the_others_along_with_a_line(training):
    process, numbers = training(4)
    process.kill()
    assert end_of(process, numbers) == [
        "codelm: error: the first process of the run was killed; go on with --ckpt_path last, if it was written"
    ]


@pytest.mark.slow
def test_a_process_that_does_not_answer_cannot_keep_a_run_from_stopping(training):
    process, numbers = training()
    os.kill(numbers[0], signal.SIGSTOP)
    time.sleep(1)
    process.terminate()
    assert end_of(process, numbers) == ["codelm: stopped while another process did not answer"]
    assert process.returncode == 143


def stop_at(run, process, validation):
    """Send SIGTERM to a run once it has had so many validations."""
    while len(validations(run) if (run / "MANIFEST.json").exists() else []) < validation:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    process.terminate()
    assert end_of(process, others(process)) == ["codelm: stopped"]
    assert process.returncode == 143


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [2, 1000])
def test_a_run_stopped_and_resumed_in_two_processes_ends_as_one_that_never_stopped(start, folder, accumulate):
    # with 1000 an epoch is one step, and the signal comes within it
    arguments = ["--quiet", "--trainer.max_epochs=12", "--behavior.prompts=[]", "--name=a"]
    arguments += [f"--trainer.accumulate_grad_batches={accumulate}"]
    whole = start(2, *arguments, "--output=whole")
    while not (folder / "whole/a/version_0/MANIFEST.json").exists():
        assert whole.poll() is None, whole.communicate()[1]
        time.sleep(0.2)
    process = start(2, *arguments, "--output=runs")
    run = folder / "runs/a/version_0"
    stop_at(run, process, 3)
    refused = start(1, *arguments, "--output=runs", "--ckpt_path=last")
    assert "trainer.world_size 2, not 1" in refused.communicate()[1]
    assert refused.returncode == 2
    assert start(2, *arguments, "--output=runs", "--ckpt_path=last").wait(5 * MINUTE) == 0
    assert whole.wait(5 * MINUTE) == 0
    losses = [[each | {"seconds": 0} for each in validations(one)] for one in (folder / "whole/a/version_0", run)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("strategy", ["ddp_spawn", "ddp_fork", "ddp_notebook"])
def test_processes_that_are_no_programs_of_their_own_are_refused(folder, capsys, strategy):
    arguments = ["--trainer.devices=2", f"--trainer.strategy={strategy}"]
    assert main(["fit", "--config=../short.yaml", *arguments]) == 2
    assert "trainer.strategy" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("cores", "lends"), [(3, "3 cores"), (1, "1 core")])
def test_more_processes_than_cores_are_refused_on_a_cpu(folder, capsys, monkeypatch, cores, lends):
    monkeypatch.setattr(OtherRanks, "started", lambda *_: pytest.fail("processes were started"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores))
    assert main(["fit", "--config=../short.yaml", "--trainer.devices=99", "--trainer.strategy=ddp"]) == 2
    line = f"trainer.devices is 99, processes on a CPU that lends {lends}: give {cores} or fewer"
    assert line in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_only_the_first_process_of_a_launcher_claims_a_folder(folder, monkeypatch):
    # torchrun and Slurm start all processes: none of them knows of the others before they have met
    from lightning.fabric.utilities.rank_zero import rank_zero_only

    from codelm.cli import lightning

    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(rank_zero_only, "rank", 0, raising=False)  # Lightning sets it for the whole process
    monkeypatch.setattr(lightning._CodelmCLI, "_run_subcommand", lambda self, name: None)
    assert FIRST_PROCESS not in os.environ
    assert main(["fit", "--config=../short.yaml", "--trainer.devices=2", "--trainer.strategy=ddp"]) == 0
    assert list(folder.iterdir()) == []


def test_several_machines_need_a_launcher(folder, capsys):
    arguments = ["--trainer.devices=1", "--trainer.num_nodes=2", "--trainer.strategy=ddp"]
    assert main(["fit", "--config=../short.yaml", *arguments]) == 2
    assert "trainer.num_nodes is 2" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.fixture
def follow():
    """Return a function that fails, or ends well, as a process that a launcher has started and that is not the first.

    It returns the signals that the command has noticed, and what its run ended with.
    """
    connector = SimpleNamespace(register_signal_handlers=lambda: None)
    strategy = DDPStrategy(cluster_environment=SimpleNamespace(creates_processes_externally=True))
    trainer = SimpleNamespace(strategy=strategy, world_size=2, is_global_zero=False, _signal_connector=connector)

    def run(came=(), error=None):
        with stop_signals() as received:
            try:
                with all_ranks(trainer, []):
                    connector.register_signal_handlers()
                    for number in came:
                        signal.raise_signal(number)
                    if error:
                        raise error
            except BaseException as raised:
                return received, raised
        return received, None

    return run


def test_a_process_of_a_launcher_may_run_in_a_thread(follow):
    # as Ray Train runs its function; only the main thread may set handlers of signals
    ends = []
    thread = threading.Thread(target=lambda: ends.append(follow()))
    thread.start()
    thread.join()
    assert ends == [([], None)]


def test_a_process_that_its_launcher_has_told_to_stop_has_not_failed(follow, monkeypatch):
    monkeypatch.setattr("codelm.cli.ranks._PATIENCE", 0.0)
    monkeypatch.setattr("codelm.cli.ranks._PATIENCE_WITH_STOPPED", 0.0)
    lost = RuntimeError("Connection closed by peer")
    assert follow([], lost) == ([], lost)
    for number in STOPPING:
        received, raised = follow([number], lost)
        assert received == [number]
        assert isinstance(raised, Stopped)
