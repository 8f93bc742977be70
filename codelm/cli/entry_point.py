"""The entry point of the command ``codelm``: help and version without heavy imports, and one line for each error."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from codelm import __version__
from codelm.cli.commands import COMMANDS, VERBS, help_text
from codelm.cli.config_files import checked_arguments
from codelm.cli.error_messages import did_you_mean
from codelm.cli.known_settings import refuse_wrong_options
from codelm.cli.standard_streams import drop_unwritable_output, open_closed_streams
from codelm.errors import FULL, CodelmError, InputError, ResourceError, is_out_of_memory, system_error
from codelm.stopping_signals import stop_signals

__all__ = ["main"]

_DISK_ERRORS = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
"""Error numbers of the system for a disk that is full, fails, or cannot be written to."""

_UNREAD = 128 + signal.SIGPIPE
"""The status where nobody reads what is printed, as after ``| head``: that of most programs."""

_WAIT_POLICY = "OMP_WAIT_POLICY", "PASSIVE"
"""Lets torch's threads sleep while they wait for one another, where the user has not decided; read when it is imported.

They spin by default, on the time of whatever else the machine does, and of the thread that they wait for.
"""

_NO_TELEMETRY = "HF_HUB_DISABLE_TELEMETRY", "1"
"""Lets downloads from the model hub go without telemetry, where the user has not decided; read when it is imported."""


@dataclass(frozen=True, slots=True)
class _Switches:
    """Switches of the command itself; they are not part of a run's configuration."""

    quiet: bool = False
    """Print only warnings and errors."""
    debug: bool = False
    """Print everything, and the traceback of an error."""
    allow_code: bool = False
    """Let configurations name code from outside of codelm and Lightning."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (the program's own by default) and return the exit status.

    0 done, 1 failed, 2 wrong request, 3 damaged data, 4 out of something, 130 stopped by Ctrl-C, 138 by SIGUSR1,
    141 by whoever read its output and reads no more, 143 by SIGTERM.
    """
    open_closed_streams()
    switches, arguments = _split_switches(sys.argv[1:] if argv is None else argv)
    with stop_signals() as received:
        try:
            return _printed(arguments, switches)
        except KeyboardInterrupt:
            return _print_error("stopped", 128 + received[0] if received else 130)
        except SystemExit as exit_:  # Lightning's after Ctrl-C, with a status of its own
            if received:
                return _print_error("stopped", 128 + received[0])
            return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        except Exception as error:
            return _failed(error, switches, received)


def _printed(arguments: Sequence[str], switches: _Switches) -> int:
    """Run a command, print the rest of its output, and return its status: a failure to print is one of the command."""
    try:
        status = _dispatch(arguments, switches)
    except SystemExit:  # --help and --print_config
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return status


def _split_switches(argv: Sequence[str]) -> tuple[_Switches, list[str]]:
    """Take the switches out of a command line, wherever they stand."""
    names = {f"--{name}": name for name in ("quiet", "debug", "allow_code")}
    given = {names[token]: True for token in argv if token in names}
    return _Switches(**given), [token for token in argv if token not in names]


def _dispatch(arguments: Sequence[str], switches: _Switches) -> int:
    """Print help or version, or run one of Lightning's commands."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(help_text())
        return 0
    if arguments[0] == "--version":
        sys.stdout.write(f"codelm {__version__}\n")
        return 0
    command, *rest = arguments
    _require_command(command)
    os.environ.setdefault(*_WAIT_POLICY)
    os.environ.setdefault(*_NO_TELEMETRY)
    if command in VERBS:
        trains = {"allow_code": switches.allow_code} if command == "refresh" else {}  # the one of them that does
        import_module(f"codelm.cli.verbs.{command}").run(rest, quiet=switches.quiet, debug=switches.debug, **trains)
        return 0
    refuse_wrong_options(rest)
    checked = checked_arguments(rest)
    from codelm.cli.lightning import run  # seconds of imports, for which wrong paths need not wait

    run([command, *checked], quiet=switches.quiet, debug=switches.debug, allow_code=switches.allow_code)
    return 0


def _require_command(word: str) -> None:
    """Raise `InputError` where the first word is no command."""
    if word.startswith("-"):
        raise InputError(f"the command comes first: codelm {'|'.join(COMMANDS)}, then {word}")
    if word not in COMMANDS:
        raise InputError(f"no command {word!r}{did_you_mean(word, COMMANDS)} (there are {', '.join(COMMANDS)})")


def _failed(error: Exception, switches: _Switches, received: Sequence[int]) -> int:
    """Say what an error is, and return the exit status; nothing where nobody reads, as a program that SIGPIPE ends.

    After a stopping signal the status is the signal's: it was obeyed, and what failed then did so on the way out.
    """
    if drop_unwritable_output() and isinstance(error, BrokenPipeError):
        return _UNREAD
    if switches.debug:
        traceback.print_exc()
    line, status = _message_and_status(error, switches)
    return _print_error(f"stopped; then {line}", 128 + received[0]) if received else _print_error(line, status)


def _message_and_status(error: Exception, switches: _Switches) -> tuple[str, int]:
    """Return the line to print for an error, and the exit status."""
    line = " ".join(str(error).split())
    if isinstance(error, CodelmError):
        return f"error: {line}", error.exit_status
    if is_out_of_memory(error):
        remedy = "give fewer rows at a time, a shorter --data.sequence_length, or close what else uses the memory"
        return f"error: out of memory: {line[:200]}; {remedy}", ResourceError.exit_status
    of_system = system_error(error)
    if of_system is not None and of_system.errno in _DISK_ERRORS:
        return f"error: {line}", ResourceError.exit_status
    hint = "" if switches.debug else "; run again with --debug for the traceback"
    return f"error: {type(error).__name__}: {line[:300]}{hint}", 1


def _print_error(line: str, status: int) -> int:
    """Print one line to standard error and return the exit status."""
    sys.stderr.write(f"codelm: {line}\n")
    return status
