"""Other work on the machine: an endless loop on each core."""

import os
import subprocess
import sys

__all__ = ["BusyLoops"]

_LOOP = "import os\nwhile os.getppid() == {parent}:\n    for _ in range(10**6): pass"
"""It ends with the process that started it, also where that is killed."""


class BusyLoops:
    """A busy loop on each core that this process may use, from now until `end`."""

    def __init__(self) -> None:
        command = [sys.executable, "-S", "-c", _LOOP.format(parent=os.getpid())]
        self.processes = []
        for core in sorted(os.sched_getaffinity(0)):
            process = subprocess.Popen(command)
            self.processes.append(process)
            os.sched_setaffinity(process.pid, {core})

    def end(self) -> None:
        """End the loops."""
        for process in self.processes:
            process.kill()
            process.wait()
