"""The light half of the command: it answers at once, and says one line about trouble."""

import errno
import os
import signal
import subprocess
import sys
import types

import pytest

import codelm
from codelm.cli import main
from codelm.errors import DamagedDataError, InputError, ResourceError


@pytest.fixture
def said(capsys):
    """Return what stood on standard error, which may be one line at most."""

    def line():
        error = capsys.readouterr().err
        assert error.count("\n") <= 1
        return error

    return line


@pytest.fixture
def failing_run(monkeypatch):
    """Make every run of the heavy half end with an error."""

    def install(error):
        def run(*arguments, **settings):
            raise error

        monkeypatch.setitem(sys.modules, "codelm.cli.lightning", types.SimpleNamespace(run=run))

    return install


@pytest.mark.parametrize("argv", [[], ["-h"], ["--help"], ["help"]])
def test_help_names_the_commands_the_configs_and_the_switches(argv, capsys):
    assert main(argv) == 0
    said = capsys.readouterr().out
    for word in ("fit", "validate", "test", "predict", "configs/rust.yaml", "--data.repo", "--quiet", "--allow_code"):
        assert word in said


def test_the_version_is_the_package_s(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"codelm {codelm.__version__}\n"


@pytest.mark.parametrize(("given", "used"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_the_user_wants_otherwise(monkeypatch, given, used):
    seen = []

    def run(*arguments, **settings):
        seen.append((os.environ["OMP_WAIT_POLICY"], "torch" in sys.modules))

    # as at the start of a process: the variable is read when torch is imported
    monkeypatch.setitem(sys.modules, "codelm.cli.lightning", types.SimpleNamespace(run=run))
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if given:
        monkeypatch.setenv("OMP_WAIT_POLICY", given)
    assert main(["validate", "--model.base", "tiny"]) == 0
    assert seen == [(used, False)]


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_import_nothing_that_takes_seconds(argument):
    heavy = {"git", "jsonargparse", "lightning", "numpy", "peft", "torch", "transformers"}
    code = f"import sys; from codelm.cli import main; main(sys.argv[1:]); sys.exit(bool({heavy} & {{*sys.modules}}))"
    subprocess.run([sys.executable, "-c", code, argument], check=True, capture_output=True)


def test_python_m_codelm_is_the_same_command():
    result = subprocess.run([sys.executable, "-m", "codelm", "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"codelm {codelm.__version__}\n"


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["fti"], "no command 'fti': did you mean fit?"),
        (["evaluate"], "did you mean validate?"),
        (["xyz"], "fit, validate, test, predict"),
        (["--config", "x.yaml", "fit"], "the command comes first"),
        (["fit", "--config", "configs/rsut.yaml"], "did you mean configs/rust"),
        (["fit", "--config"], "no config file"),
    ],
)
def test_a_wrong_request_costs_one_line_and_status_2(argv, says, said):
    assert main(argv) == 2
    line = said()
    assert line.startswith("codelm: error: ")
    assert says in line


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (InputError("no commits"), 2, "codelm: error: no commits\n"),
        (DamagedDataError("broken\npack"), 3, "codelm: error: broken pack\n"),
        (ResourceError("disk full"), 4, "codelm: error: disk full\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 4, "No space left"),
        (OSError(errno.EIO, "Input/output error"), 4, "Input/output error"),
        (RuntimeError("unable to open file <a> in read-only mode: Permission denied (13)"), 4, "Permission denied"),
        (Exception("Input/output error (os error 5)"), 4, "Input/output error"),
        (MemoryError(), 4, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 4, "give fewer rows at a time"),
        (ZeroDivisionError("by\nzero"), 1, "ZeroDivisionError: by zero; run again with --debug for the traceback"),
        (KeyboardInterrupt(), 130, "codelm: stopped\n"),
        (SystemExit(0), 0, ""),
        (SystemExit(None), 0, ""),
        (SystemExit("text"), 1, ""),
    ],
)
def test_each_kind_of_failure_has_its_status_and_one_line(error, status, says, failing_run, said):
    failing_run(error)
    assert main(["fit"]) == status
    assert says in said()


def test_debug_shows_where_an_error_came_from(failing_run, capsys):
    failing_run(ZeroDivisionError("by zero"))
    assert main(["fit", "--debug"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.endswith("codelm: error: ZeroDivisionError: by zero\n")


@pytest.mark.parametrize(
    "argv", [["--quiet", "fit", "--name", "--allow_code", "x"], ["fit", "--name", "x", "--allow_code", "--quiet"]]
)
def test_switches_may_stand_anywhere(argv, monkeypatch):
    seen = []
    module = types.SimpleNamespace(run=lambda arguments, **switches: seen.append((arguments[-2:], switches)))
    monkeypatch.setitem(sys.modules, "codelm.cli.lightning", module)
    assert main(argv) == 0
    assert seen == [(["--name", "x"], {"quiet": True, "debug": False, "allow_code": True})]


STOPPED = """
import os, signal, sys, types
from codelm.cli import main

def run(*arguments, **settings):
    os.kill(os.getpid(), {number})
    signal.pause()

def lightning_run(*arguments, **settings):
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(1)  # as Lightning does

sys.modules["codelm.cli.lightning"] = types.SimpleNamespace(run={run})
sys.exit(main(["fit"]))
"""


@pytest.mark.parametrize("run", ["run", "lightning_run"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGUSR1, 138), (signal.SIGTERM, 143)])
def test_a_signal_stops_with_its_own_status_and_one_line(number, status, run):
    code = STOPPED.format(number=int(number), run=run)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (status, "codelm: stopped\n")


def test_a_refresh_may_be_allowed_code_as_a_training_may(monkeypatch):
    given = []
    monkeypatch.setattr("codelm.cli.verbs.refresh.run", lambda rest, **switches: given.append((rest, switches)))
    for arguments in (["refresh", "--allow_code", "x"], ["refresh", "x"]):
        assert main(arguments) == 0
    assert [(rest, switches["allow_code"]) for rest, switches in given] == [(["x"], True), (["x"], False)]


UNBUFFERED = pytest.mark.parametrize("unbuffered", ["", "1"])


@pytest.mark.parametrize(
    ("arguments", "unbuffered"), [(["--help"], ""), (["--help"], "1"), (["compare", "--help"], "")]
)
def test_output_that_nobody_reads_ends_the_command_without_a_word(arguments, unbuffered):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "codelm", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with os.fdopen(writing) as output:
        result = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


@UNBUFFERED
def test_output_for_which_the_disk_has_no_room_costs_one_line(unbuffered):
    command = [sys.executable, "-m", "codelm", "--help"]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w") as output:
        result = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    assert result.returncode == 4
    assert result.stderr == "codelm: error: [Errno 28] No space left on device\n"


def test_a_pipe_of_something_else_that_breaks_is_an_error(failing_run, said):
    failing_run(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert main(["fit"]) == 1
    assert said().startswith("codelm: error: BrokenPipeError")


def test_a_command_whose_streams_are_closed_works_as_one_that_nobody_hears(tmp_path):
    """Python has None for them; and what is opened next would be standard output of every program below."""
    code = "from codelm.cli import main; main(['--version']); assert open('own', 'w').fileno() > 2"
    closed = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, code], cwd=tmp_path, check=False
    )
    assert closed.returncode == 0
