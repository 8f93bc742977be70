"""The standard streams of the command, which whoever calls it may have closed, or may stop to read."""

import os
import select
import sys

__all__ = ["drop_unwritable_output", "open_closed_streams"]


def open_closed_streams() -> None:
    """Put an empty stream in the place of each that was closed, for which Python has None: codelm reads or writes it.

    Its number is then taken, too: the next file that is opened would have it, and be written to by a program below.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def drop_unwritable_output() -> bool:
    """Let the rest of the output go nowhere where it cannot be written, and return whether that is as nobody reads it.

    Python would write it when it ends, and fail with lines and a status of its own.
    """
    is_unread = _is_unread()
    try:
        sys.stdout.flush()
        is_lost = is_unread
    except OSError:
        is_lost = True
    if is_lost:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return is_unread


def _is_unread() -> bool:
    """Return whether standard output is a pipe that nobody reads any longer."""
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):  # it is no file, as where a test or a notebook reads it
        return False
    return any(found & select.POLLERR for _, found in poll.poll(0))
