"""The command line: the runs that are missing, one after the other, and the table of all."""

import argparse
import hashlib
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from codelm.bases import locate
from codelm.cli.signals import Stopped, stopping
from codelm.errors import CodelmError, InputError
from codelm.files import write_text
from codelm.git.repository import open_repository
from experiments.ablation.outputs import refuse_file, refuse_folder
from experiments.ablation.rows import CONTROLS, DEFAULT_ROWS, LOOKS, ROWS, VARIANTS, Experiment, whole_looks
from experiments.ablation.settings import put, read

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = (ROOT / "configs" / "tiny.yaml", Path(__file__).parent / "rules.yaml")
WORK = Path.home() / ".cache" / "codelm-ablation"
MASK = "without"
"""Put before the name of a row that begins as an option does."""

DESCRIPTION = """\
Train one base on one repository by a public recipe, by ours, and by ours but for one part each, at equal numbers of
tokens, and measure all on the same held-out commits: bits per byte of the lines new to the repository.

    .venv/bin/python -m experiments.ablation ~/src/ripgrep --seeds 0

The rows named peer need the public recipe's trainer: .venv/bin/pip install -c constraints.txt -e '.[ablation]'

Finished runs are not run again, so that the command may be stopped and repeated; with other settings it begins anew.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is missing, print the table, and return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    options = parsed(sys.argv[1:] if arguments is None else arguments)
    with stopping() as received:
        try:
            return ablate(options)
        except Stopped:
            return 128 + received[0]
        except CodelmError as error:
            sys.stderr.write(f"ablate: {error}\n")
            return error.exit_status


def ablate(options: argparse.Namespace) -> int:
    """Do what is missing, print the table, and return 1 if a run failed."""
    experiment = experiment_of(options)
    results = options.results or options.work / f"{Path(experiment.repository).stem}.jsonl"
    refuse_unwritable(options, results, experiment.key)
    from codelm.cli.logging import voice
    from experiments.ablation import results as file
    from experiments.ablation.runs import run_missing
    from experiments.ablation.table import no_table, table

    runs = plan(options.rows, options.seeds, options.variant_seeds)
    with voice(quiet=True, debug=False):
        failed = run_missing(experiment, [] if options.only_table else runs, results, options.work)
    finished = file.read(results)
    shown = file.of(finished, experiment)
    if not shown:
        raise CodelmError(no_table(finished, results))
    text = table(shown)
    if options.table:
        write_text(options.table, text)
    sys.stdout.write(text)
    return int(failed > 0)


def refuse_unwritable(options: argparse.Namespace, results: Path, key: str) -> None:
    """Raise `InputError` where what the command leaves could not be written: now, and not after hours of runs."""
    if not options.only_table:
        refuse_folder("--work", options.work / key)
        refuse_file("--results", results)
    if options.table:
        refuse_file("--table", options.table)


def experiment_of(options: argparse.Namespace) -> Experiment:
    """Return what all runs have in common.

    Raises:
        InputError: There is no such configuration, base or repository, or the revision is a range.
    """
    given = read(options.config or CONFIGS)
    if options.base:
        put(given, "model.base", options.base)
    repository = open_repository(options.repo, options.revision)
    if repository.base:
        raise InputError(f"--revision {options.revision} is a range; give the newest commit alone")
    weights = weights_of(given.get("model", {}).get("base"))
    return Experiment(given, repository.path, repository.tip, whole_looks(options.steps), options.tokens, weights)


def weights_of(base: str | None) -> str:
    """Return the SHA-256 of the weights of a base that is a folder; nothing of one that is not."""
    digest, files = hashlib.sha256(), sorted(Path(locate(base)).glob("*.safetensors")) if base else []
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest() if files else ""


def plan(rows: Sequence[str], seeds: Sequence[int], variant_seeds: Sequence[int] | None) -> list[tuple[str, int]]:
    """Return all runs, seed by seed, so that an early table has all rows.

    >>> plan(["ours", "-fim"], [0, 1], None)
    [('ours', 0), ('-fim', 0), ('ours', 1)]
    """
    of_variants = seeds[:1] if variant_seeds is None else variant_seeds
    order = dict.fromkeys([*seeds, *of_variants])
    return [(row, seed) for seed in order for row in rows if seed in (of_variants if row in VARIANTS else seeds)]


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; the names of rows may begin as options do."""
    masked = [MASK + word if word in VARIANTS and word.startswith("-") else word for word in arguments]
    return parser().parse_args(masked)


def row_name(word: str) -> str:
    """Return a row's name, also if it was masked.

    >>> row_name("without-fim")
    '-fim'
    """
    return word.removeprefix(MASK)


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number that is not below the least.

    >>> at_least(1)("240")
    240
    """

    def number(word: str) -> int:
        if not word.removeprefix("-").isdecimal() or int(word) < least:
            raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of {least} or more")
        return int(word)

    return number


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    parser = argparse.ArgumentParser(
        prog="ablate", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("repo", help="the repository's folder")
    add("--revision", default="HEAD", help="the newest commit (default: HEAD)")
    add("--base", help="base model (default: the configuration's)")
    add("--config", type=Path, action="append", help=f"ours, may be repeated (default: {names(CONFIGS)})")
    rows = f"of {' '.join(ROWS)} (default: all but {', '.join(CONTROLS)})"
    add("--rows", nargs="+", type=row_name, choices=ROWS, default=DEFAULT_ROWS, metavar="ROW", help=rows)
    add(
        "--seeds", nargs="+", type=at_least(0), default=[0, 1, 2], metavar="N", help="of peer and ours (default: 0 1 2)"
    )
    add(
        "--variant-seeds",
        nargs="+",
        type=at_least(0),
        metavar="N",
        help="of the others (default: the first of --seeds)",
    )
    steps = f"optimizer steps of each run, to the nearest multiple of {LOOKS} (default: 240, about 5 minutes)"
    add("--steps", type=at_least(1), default=240, metavar="N", help=steps)
    add(
        "--tokens",
        type=at_least(1),
        metavar="N",
        default=200_000,
        help="held-out tokens to measure at most (default: 200000)",
    )
    add("--work", type=Path, default=WORK, help=f"folder for adapters (default: {WORK})")
    add("--results", type=Path, help="file of results, for one program at a time (default: WORK/REPOSITORY.jsonl)")
    add("--table", type=Path, help="also write the table to this file")
    add("--only-table", action="store_true", help="run nothing")
    return parser


def names(paths: Sequence[Path]) -> str:
    """Return paths as seen from the root."""
    return ", ".join(str(path.relative_to(ROOT)) for path in paths)
