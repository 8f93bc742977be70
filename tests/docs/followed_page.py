"""The commands of a page of the documentation, run to the letter in an empty folder, beside what it says they print.

    .venv/bin/python -m tests.docs.followed_page docs/tutorial.md FOLDER \\
        --clone https://github.com/BurntSushi/ripgrep ~/src/ripgrep

In a fenced block without a language, a line behind ``$`` is a command, and the lines that follow are its output, of
which ``...`` stands for some that are not shown. Each command must end with 0 and print the labels that the page shows:
the words at a line's beginning, before two spaces, a colon at the line's end or a figure. Figures, generated code and
tables of what a history holds are not compared. Blocks with a language, such as the installation, are not run: the
codelm of this Python stands in. A clone's address leads to a folder of this machine by git's own settings, so that the
words stay. ``--batches N`` is the short form: the folder then holds a ``configs/tiny.yaml`` of its own, which differs
from the shipped one in that an epoch has N batches, and validation and evaluation read as little. Everything is left
in FOLDER: ``here`` as the commands leave it, and ``steps`` with what each printed.
"""

import argparse
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

LABEL = re.compile(r"""[a-z][\w.,% ]*?(?=\s{2}|:$|\s[-+]?\d)|\{"\w+":""")
BLOCK = re.compile(r"^```(.*)\n((?:(?!```).*\n)+)```$", re.MULTILINE)
STEP = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
TRIAL = """
started=$(date +%s.%N)
{{ {command}
}} >{place}.out 2>{place}.err </dev/null
echo $? $(date +%s.%N) $started >{place}.status
read status _ <{place}.status
[ $status = 0 ] || exit
"""


@dataclass
class Step:
    """A command, and the lines that the page shows below it."""

    command: str
    shown: list[str]


@dataclass
class Followed:
    """A step that was taken: its exit status (None where it was not reached), seconds, and labels that it lacked."""

    step: Step
    status: int | None
    seconds: float
    missing: list[str]


def steps(page: str) -> Iterator[Step]:
    """Yield the commands of a page in their order; refuse a block without one, which nothing could follow."""
    for language, block in BLOCK.findall(page):
        if language:
            continue
        if not block.startswith("$ "):
            raise ValueError(f"a block without a language begins with no command: {block.splitlines()[0]}")
        for command, shown in STEP.findall(block):
            yield Step(command, shown.splitlines())


def labels(lines: list[str]) -> list[str]:
    """Return the labels of lines, each once.

    >>> labels(["val loss       base 2.8754", "rest of a line base 1.491", "base:", "fn a() {", "  let b = 1;", "..."])
    ['val loss', 'rest of a line base', 'base']
    """
    return list(dict.fromkeys(found[0] for found in map(LABEL.match, lines) if found))


def follow(
    page: str, folder: Path, clones: dict[str, Path], *, batches: int | None = None, seconds: float = 3600
) -> list[Followed]:
    """Run the commands of a page and return what became of them; the first that fails is the last that is run.

    Args:
        page: The page, as Markdown.
        folder: A folder for everything; it is made.
        clones: For addresses that are cloned, the repository that stands in.
        batches: Of an epoch, in the short form.
        seconds: Time for all of it.
    """
    here, beside = folder.absolute() / "here", folder.absolute() / "steps"
    here.mkdir(parents=True)
    beside.mkdir()
    if batches:
        (here / "configs").mkdir()
        (here / "configs/tiny.yaml").write_text(short_configuration(batches), "utf-8")
    taken = list(steps(page))
    places = [beside / f"{number:02}" for number in range(1, 1 + len(taken))]
    script = "".join(
        TRIAL.format(command=step.command, place=shlex.quote(str(place)))
        for step, place in zip(taken, places, strict=True)
    )
    bash = subprocess.Popen(["bash", "-c", script], cwd=here, env=surroundings(folder, clones), start_new_session=True)
    try:
        bash.wait(seconds)
    finally:
        end_group(bash.pid)  # also what a command has left in the background
    return [became(step, place) for step, place in zip(taken, places, strict=True)]


def short_configuration(batches: int) -> str:
    """Return the configuration of the bundled base with so few batches in an epoch, and as little read besides."""
    settings = yaml.safe_load((Path(__file__).parents[2] / "configs/tiny.yaml").read_text("utf-8"))
    settings["trainer"] |= {"limit_train_batches": batches, "limit_val_batches": 2}
    settings["evaluation"] |= {"limit": 4, "tokens": 4000}
    return yaml.safe_dump(settings)


def surroundings(folder: Path, clones: dict[str, Path]) -> dict[str, str]:
    """Return the environment: the codelm of this Python, a cache of its own, and clones of this machine."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    found["PATH"] = f"{Path(sys.executable).parent}:{found['PATH']}"
    found["XDG_CACHE_HOME"] = str(folder.absolute() / "cache")
    found["GIT_CONFIG_COUNT"] = str(len(clones))
    for number, (address, repository) in enumerate(clones.items()):
        found[f"GIT_CONFIG_KEY_{number}"] = f"url.{repository.absolute()}.insteadOf"
        found[f"GIT_CONFIG_VALUE_{number}"] = address
    return found


def end_group(leader: int) -> None:
    """End the processes of a group, softly first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(leader, number)
        except ProcessLookupError:
            return
        time.sleep(3)


def became(step: Step, place: Path) -> Followed:
    """Return what became of a step."""
    status = place.with_suffix(".status")
    if not status.is_file():
        return Followed(step, None, 0.0, labels(step.shown))
    code, ended, started = status.read_text("utf-8").split()
    lines = [line for end in (".out", ".err") for line in place.with_suffix(end).read_text("utf-8").splitlines()]
    printed = set(labels(lines))
    missing = [label for label in labels(step.shown) if label not in printed]
    return Followed(step, int(code), float(ended) - float(started), missing)


def main() -> int:
    """Follow a page as the command line says, print a line for each command, and return 0 where all are true."""
    parser = argparse.ArgumentParser("tests.docs.followed_page", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clone", nargs=2, action="append", default=[], metavar=("ADDRESS", "FOLDER"))
    parser.add_argument("--batches", type=int, help="follow the short form")
    given = parser.parse_args()
    clones = {address: Path(repository).expanduser() for address, repository in given.clone}
    found = follow(given.page.read_text("utf-8"), given.folder, clones, batches=given.batches)
    for each in found:
        lacks = f"  lacks {json.dumps(each.missing)}" if each.missing else ""
        print(f"{each.status!s:>4} {each.seconds:7.1f} s  {each.step.command}{lacks}")
    return int(not found or any(each.status != 0 or each.missing for each in found))


if __name__ == "__main__":
    sys.exit(main())
