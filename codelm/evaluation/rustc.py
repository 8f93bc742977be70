"""Whether rustc's own parser takes a file with a filled hole: a second opinion, where a grammar is only near to it.

Nothing is compiled or run. The parser reads one text and stops: no macro is expanded, and no file that the text names
with ``mod`` or ``include!`` is opened. It still reads what a model wrote, so it does that in a sandbox only.
"""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from shutil import which

from codelm.errors import InputError, ResourceError
from codelm.evaluation import sandbox

EDITIONS = ("2024", "2021", "2018", "2015")
"""Newest first: the newest that takes the real file is what fillings are held to."""
SECONDS = 5
"""Time for one file; an ordinary one takes 0.03."""
AT_A_TIME = 32
"""Files to one start of a sandbox."""
TOOLCHAIN = "/rust"
"""Where the compiler lies inside."""
EACH = (
    f"edition=$1; shift; for file; do timeout --kill-after=1 {SECONDS} "
    f"{TOOLCHAIN}/bin/rustc -Zparse-crate-root-only --crate-name filled --cap-lints allow "
    '--edition "$edition" "$file" >/dev/null 2>&1; echo $?; done'
)
"""Parses each file and writes its exit status."""
VARIABLES = {
    "LD_LIBRARY_PATH": f"{TOOLCHAIN}/lib",  # without /proc, a program does not find its libraries by its own place
    "RUSTC_BOOTSTRAP": "1",  # or a stable compiler would not stop behind its parser
}


def toolchain() -> Path:
    """Return the folder of the compiler that would run outside of any project.

    Raises:
        InputError: rustc is not installed, or does not say where it is.
    """
    rustc = which("rustc")
    if rustc is None:
        raise InputError(f"evaluation.rustc is true, and there is no rustc; install Rust, {sandbox.REMEDY}")
    # At the root, because a project's own rust-toolchain.toml could name another compiler to be fetched or run.
    try:
        asked = subprocess.run(
            [rustc, "--print", "sysroot"], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", timeout=60
        )
        folder, said = Path(asked.stdout.strip()), " ".join(asked.stderr.split())[:200]
    except (OSError, subprocess.TimeoutExpired) as error:
        folder, said = Path(), str(error)
    if not (folder.is_absolute() and (folder / "bin" / "rustc").is_file()):
        raise InputError(f"{rustc} names no toolchain ({said or folder}); mend the installation, {sandbox.REMEDY}")
    return folder


def check() -> None:
    """Let rustc parse a line in a sandbox that really starts.

    Raises:
        InputError: It cannot be done here; the message says what is missing.
    """
    folder = toolchain()
    sandbox.check()
    if statuses(["fn main() {}\n", "fn main( {}\n"], EDITIONS[1], folder) != [0, 1]:
        raise InputError(
            "this rustc cannot stop behind its parser (-Zparse-crate-root-only) in a sandbox; "
            f"install Rust 1.85 or newer, {sandbox.REMEDY}"
        )


def accepted(texts: Sequence[str], edition: str) -> list[bool]:
    """Return of each text whether rustc's parser takes it as a file of an edition; where it gives up, it does not.

    Raises:
        InputError: There is no rustc or no bubblewrap.
        ResourceError: The sandbox did not do its work.
    """
    folder, different = toolchain(), iter(dict.fromkeys(texts))
    taken: dict[str, bool] = {}
    while some := list(islice(different, AT_A_TIME)):
        taken |= {text: status == 0 for text, status in zip(some, statuses(some, edition, folder), strict=True)}
    return [taken[text] for text in texts]


def statuses(texts: Sequence[str], edition: str, folder: Path) -> list[int]:
    """Return rustc's exit status for each text, all parsed in one sandbox."""
    with tempfile.TemporaryDirectory() as room:
        names = list(write_files(texts, Path(room)))
        ended = sandbox.run(
            ["sh", "-c", EACH, "sh", edition, *names],
            Path(room),
            seconds=(SECONDS + 1) * len(names) + sandbox.GRACE,
            lent={folder: TOOLCHAIN},
            variables=VARIABLES,
        )
    found = [int(word) for word in ended.out.split()]
    if ended.status or len(found) != len(texts):
        raise ResourceError(
            f"the sandbox of rustc ended early ({sandbox.reason(ended)}); free memory and space, {sandbox.REMEDY}"
        )
    return found


def write_files(texts: Sequence[str], room: Path) -> Iterator[str]:
    """Write each text into a file of its own and yield its name."""
    for number, text in enumerate(texts):
        name = f"{number}.rs"
        (room / name).write_bytes(text.encode(errors="replace"))
        yield name


def held_to_real(real: Sequence[str], filled: Sequence[Sequence[str]]) -> list[list[bool | None]]:
    """Return of each file with a filled hole whether rustc's parser takes it, as it takes the real file.

    A real file that it takes in no edition is not held against a model: its fillings get None.

    Args:
        real: the files as colleagues left them.
        filled: for each of them, the files with something else in its hole.
    """
    found: list[list[bool | None]] = [[None] * len(texts) for texts in filled]
    left = list(range(len(real)))
    for edition in EDITIONS:
        taken = accepted([real[index] for index in left], edition)
        ours = [index for index, good in zip(left, taken, strict=True) if good]
        answers = iter(accepted([text for index in ours for text in filled[index]], edition))
        for index in ours:
            found[index] = list(islice(answers, len(filled[index])))
        left = [index for index in left if index not in ours]
    return found
