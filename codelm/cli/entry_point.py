"""The command ``codelm``: light until there is work to do, one clear line when there is trouble."""

import errno
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from codelm import __version__
from codelm.cli.commands import COMMANDS, help_text
from codelm.cli.config_files import checked_arguments
from codelm.cli.nearest import did_you_mean
from codelm.cli.signals import stopping
from codelm.errors import FULL, CodelmError, InputError, ResourceError

OUT_OF = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM)
"""What the system says when a disk is full or not ours to write to."""


@dataclass(frozen=True, slots=True)
class Switches:
    """How the command behaves; no part of the run, so no part of its record."""

    quiet: bool = False
    """Say only what went wrong."""
    debug: bool = False
    """Say more, and show where an error came from."""
    allow_code: bool = False
    """Let configurations name code from outside codelm and Lightning."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (the program's own by default) and return the exit status.

    0 done, 1 failed, 2 wrong request, 3 damaged data, 4 out of something, 130 stopped by Ctrl-C, 143 by SIGTERM.
    """
    switches, arguments = split_switches(sys.argv[1:] if argv is None else argv)
    with stopping() as received:
        try:
            return answer(arguments, switches)
        except KeyboardInterrupt:
            return complain("stopped", 128 + received[0] if received else 130)
        except SystemExit as exit_:  # --help and --print_config; and Lightning after Ctrl-C, with a status of its own
            return complain("stopped", 128 + received[0]) if received else status_of(exit_)
        except Exception as error:
            if switches.debug:
                traceback.print_exc()
            return complain(*verdict(error, switches))


def split_switches(argv: Sequence[str]) -> tuple[Switches, list[str]]:
    """Take the switches out of a command line, wherever they stand.

    >>> split_switches(["fit", "--quiet", "--name", "x"])
    (Switches(quiet=True, debug=False, allow_code=False), ['fit', '--name', 'x'])
    """
    names = {f"--{name}": name for name in ("quiet", "debug", "allow_code")}
    given = {names[token]: True for token in argv if token in names}
    return Switches(**given), [token for token in argv if token not in names]


def answer(arguments: Sequence[str], switches: Switches) -> int:
    """Answer what needs no model at once; hand everything else to Lightning."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(help_text())
        return 0
    if arguments[0] == "--version":
        sys.stdout.write(f"codelm {__version__}\n")
        return 0
    command, *rest = arguments
    require_command(command)
    checked = checked_arguments(rest, allow_code=switches.allow_code)
    from codelm.cli.lightning import run  # seconds of imports, which wrong paths need not wait for

    run([command, *checked], quiet=switches.quiet, debug=switches.debug)
    return 0


def require_command(word: str) -> None:
    """Raise `InputError` where the first word is no command."""
    if word.startswith("-"):
        raise InputError(f"the command comes first: codelm {'|'.join(COMMANDS)}, then {word}")
    if word not in COMMANDS:
        raise InputError(f"no command {word!r}{did_you_mean(word, COMMANDS)} (there are {', '.join(COMMANDS)})")


def status_of(exit_: SystemExit) -> int:
    """Return the status a program would end with; one that exits with text has failed."""
    return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)


def verdict(error: Exception, switches: Switches) -> tuple[str, int]:
    """Return the line that an error deserves, and the exit status."""
    line = " ".join(str(error).split())
    if isinstance(error, CodelmError):
        return f"error: {line}", error.exit_status
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in OUT_OF):
        return f"error: {line or 'out of memory'}", ResourceError.exit_status
    hint = "" if switches.debug else "; run again with --debug for the traceback"
    return f"error: {type(error).__name__}: {line[:300]}{hint}", 1


def complain(line: str, status: int) -> int:
    """Say one line about trouble and return the exit status."""
    sys.stderr.write(f"codelm: {line}\n")
    return status
