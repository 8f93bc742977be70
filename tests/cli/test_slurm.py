"""Processes that Slurm has started: its variables are given by hand, as srun gives them to each task."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from codelm.cli import main
from codelm.cli.slurm import refuse_other_tasks, refuse_uncounted_tasks
from codelm.errors import InputError
from tests.cli.short_runs import kill_groups

CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4, dropout: 0.0}, learning_rate: 1e-2}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 64, batch_size: 1, held_out: 0.3, context_weight: 0.5}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 1000, accumulate_grad_batches: 2, log_every_n_steps: 1,
  strategy: ddp, devices: 2}
behavior: {prompts: []}
evaluation: {enabled: false}
early_stopping: {patience: 1000}
"""
MINUTE = 60
JOB = {
    **{"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "fit", "SLURM_NODELIST": "127.0.0.1", "SLURM_NNODES": "1"},
    **{
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": "0",
    },
}
"""The variables of a batch script; srun adds the number of the step, and gives each task its own."""


@pytest.fixture
def config():
    """The configuration of a long run in two processes."""
    return CONFIG


@pytest.fixture
def job(monkeypatch):
    """Return a function that makes this process one of a job, with other variables; None takes one away."""

    def become(**others):
        for name, value in (JOB | others).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return become


def trainer(devices, nodes=1):
    return SimpleNamespace(num_devices=devices, num_nodes=nodes)


def test_tasks_that_are_the_processes_of_the_run_are_taken(job):
    job(SLURM_STEP_ID="0")
    refuse_uncounted_tasks()
    refuse_other_tasks(trainer(2))
    job(SLURM_STEP_ID="0", SLURM_NTASKS="8", SLURM_NTASKS_PER_NODE="4", SLURM_NNODES="2")
    refuse_other_tasks(trainer(4, nodes=2))


@pytest.mark.parametrize(("devices", "nodes"), [(1, 1), (4, 1), (2, 2)])
def test_other_tasks_than_processes_are_refused_with_what_to_give(job, devices, nodes):
    job(SLURM_STEP_ID="0")
    with pytest.raises(InputError, match=r"give --trainer.devices 2 --trainer.num_nodes 1$"):
        refuse_other_tasks(trainer(devices, nodes))


def test_one_process_in_a_batch_script_needs_no_srun(job):
    job()
    refuse_other_tasks(trainer(1))
    job(SLURM_NTASKS="1", SLURM_NTASKS_PER_NODE=None, SLURM_STEP_ID="0")
    refuse_uncounted_tasks()
    refuse_other_tasks(trainer(1))


@pytest.mark.parametrize(
    "others", [{"SLURM_NTASKS": None}, {"SLURM_JOB_NAME": "bash"}, {"TORCHELASTIC_RUN_ID": "1"}], ids=str
)
def test_where_slurm_does_not_start_the_processes_nothing_is_refused(job, others):
    job(**{"SLURM_NTASKS_PER_NODE": None} | others)
    refuse_uncounted_tasks()
    refuse_other_tasks(trainer(2))


@pytest.mark.parametrize(
    ("others", "line"),
    [
        ({"SLURM_NTASKS_PER_NODE": None}, "give sbatch or srun --ntasks-per-node in place of --ntasks"),
        ({}, "write srun codelm in the batch script"),
        ({"SLURM_STEP_ID": "0", "SLURM_NTASKS": "1"}, "give --trainer.devices 1 --trainer.num_nodes 1"),
    ],
)
def test_a_job_that_would_wait_for_ever_is_refused_in_a_line(folder, capsys, job, others, line):
    job(**others)
    assert main(["fit", "--config=../short.yaml"]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert len(error.splitlines()) == 1
    assert list(folder.iterdir()) == []


@pytest.fixture
def srun(folder):
    """Return a function that starts ``codelm fit`` as the two tasks of a job, which are ended with the test."""
    root = Path(__file__).parents[2]
    environment = os.environ | JOB | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    tasks = []

    def start(*arguments):
        with socket.socket() as any_free:
            any_free.bind(("127.0.0.1", 0))
            shared = environment | {"SLURM_STEP_ID": "0", "MASTER_PORT": str(any_free.getsockname()[1])}
        command = [sys.executable, "-m", "codelm", "fit", "--config", "../short.yaml", "--quiet", *arguments]
        options = {"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        for task in ("0", "1"):
            own = shared | {"SLURM_PROCID": task, "SLURM_LOCALID": task}
            tasks.append(subprocess.Popen(command, env=own, start_new_session=True, **options))
        return tasks[-2:]

    yield start
    kill_groups(tasks)


def history(run):
    return json.loads((run / "MANIFEST.json").read_text())["phase_results"]["phase_4_training"]["history"]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGUSR1, 138), (signal.SIGTERM, 143)])
def test_the_signal_before_the_end_of_a_job_saves_the_run_and_it_goes_on(srun, folder, number, status):
    tasks, run = srun("--name=a"), folder / "runs/a/version_0"
    until = time.monotonic() + 5 * MINUTE
    while not list(run.glob("checkpoints/epoch=*.ckpt")) and time.monotonic() < until:
        assert [task.poll() for task in tasks] == [None, None], tasks[0].communicate()[1]
        time.sleep(0.2)
    for task in tasks:
        task.send_signal(number)
    assert tasks[0].wait(MINUTE) == status
    tasks[1].send_signal(number)  # as srun --kill-on-bad-exit ends the others
    assert tasks[1].wait(MINUTE) == status
    assert [task.communicate()[1] for task in tasks] == ["codelm: stopped\n"] * 2
    assert json.loads((run / "MANIFEST.json").read_text())["status"] == "interrupted"
    assert (run / "checkpoints/last.ckpt").is_file()
    done = len(history(run))
    again = srun("--name=a", "--ckpt_path=runs/a/version_0/checkpoints/last.ckpt", f"--trainer.max_epochs={done + 2}")
    assert [task.wait(5 * MINUTE) for task in again] == [0, 0], again[0].communicate()[1]
    assert len(history(run)) == done + 2
    assert [path.name for path in (folder / "runs/a").iterdir()] == ["version_0"]
