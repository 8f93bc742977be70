"""Command line of the ablation: do the runs that are missing, one after the other, and print the table of all."""

import argparse
import hashlib
import logging
import sys
from collections.abc import Callable, Sequence
from operator import methodcaller
from pathlib import Path
from tempfile import TemporaryFile

from codelm.bases import locate
from codelm.errors import CodelmError, InputError
from codelm.files import write_text
from codelm.git.repository import open_repository
from experiments.ablation.rows import (
    CONFIGS,
    CONTROLS,
    DEFAULT_ROWS,
    ROWS,
    VALIDATIONS,
    VARIANTS,
    Experiment,
    round_to_validations,
)
from experiments.ablation.settings import read_settings, set_value
from experiments.program import run_program

__all__ = ["ablate", "experiment_of", "main", "parse_options", "plan_runs"]

_DEFAULT_CONFIG = CONFIGS / "tiny.yaml"
_WORK = Path.home() / ".cache" / "codelm-ablation"
_MASK = "without"
"""Put before the name of a row that begins as an option does."""

_DESCRIPTION = """\
Train one base on one repository by a public recipe, by ours, and by ours but for one part each, at equal numbers of
tokens, and evaluate all on the same held-out commits: bits per byte of the lines new to the repository.

    .venv/bin/python -m experiments.ablation ~/src/ripgrep --seeds 0

The rows named peer need the public recipe's trainer: .venv/bin/pip install -c constraints.txt -e '.[ablation]'

Finished runs are not run again, so that the command may be stopped and repeated; with other settings it begins anew.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the missing runs, print the table, and return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    options = parse_options(sys.argv[1:] if arguments is None else arguments)
    return run_program("experiments.ablation", lambda: ablate(options))


def ablate(options: argparse.Namespace) -> int:
    """Do the missing runs, print the table, and return 1 if a run failed."""
    experiment = experiment_of(options)
    results = options.results or options.work / f"{Path(experiment.repository).stem}.jsonl"
    _refuse_unwritable(options, results, experiment.key)
    from codelm.cli.logging import run_logging
    from experiments.ablation.results import of_experiment, read_results
    from experiments.ablation.runs import run_missing
    from experiments.ablation.table import no_table, table

    runs = plan_runs(options.rows, options.seeds, options.variant_seeds)
    with run_logging(quiet=True, debug=False):
        failed = run_missing(experiment, [] if options.only_table else runs, results, options.work)
    finished = read_results(results)
    shown = of_experiment(finished, experiment)
    if not shown:
        raise CodelmError(no_table(finished, results))
    text = table(shown)
    if options.table:
        write_text(options.table, text)
    sys.stdout.write(text)
    return int(failed > 0)


def _refuse_unwritable(options: argparse.Namespace, results: Path, key: str) -> None:
    """Raise `InputError` where the command's output could not be written: now, and not after hours of runs."""
    if not options.only_table:
        _refuse_folder("--work", options.work / key, options.work / key)
        _refuse_file("--results", results)
    if options.table:
        _refuse_file("--table", options.table)


def _refuse_file(option: str, path: Path) -> None:
    """Raise `InputError` where the file cannot be written; its folder is made if need be."""
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder; give the name of a file")
    _refuse_folder(option, path, path.parent)


def _refuse_folder(option: str, path: Path, folder: Path) -> None:
    """Raise `InputError`, naming an option and its ``path``, where no file can be made in ``folder``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{option} {path} cannot be written: {error.strerror}; allow it, or give another") from error


def experiment_of(options: argparse.Namespace) -> Experiment:
    """Return what all runs have in common."""
    configuration = read_settings(options.config or [_DEFAULT_CONFIG])
    if options.base:
        set_value(configuration, "model.base", options.base)
    repository = open_repository(options.repo, options.revision)
    if repository.base:
        raise InputError(f"--revision {options.revision} is a range; give the newest commit alone")
    return Experiment(
        configuration,
        repository.path,
        repository.tip,
        steps=round_to_validations(options.steps),
        test_tokens=options.tokens,
        base_digest=_digest_of_weights(configuration.get("model", {}).get("base")),
    )


def _digest_of_weights(base: str | None) -> str:
    """Return the SHA-256 of the weights of a base that is a folder, in hexadecimal; empty for any other base."""
    digest, files = hashlib.sha256(), sorted(Path(locate(base)).glob("*.safetensors")) if base else []
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest() if files else ""


def plan_runs(rows: Sequence[str], seeds: Sequence[int], variant_seeds: Sequence[int] | None) -> list[tuple[str, int]]:
    """Return the row and seed of all runs, seed by seed, so that an early table has all rows."""
    of_variants = seeds[:1] if variant_seeds is None else variant_seeds
    order = dict.fromkeys([*seeds, *of_variants])
    return [(row, seed) for seed in order for row in rows if seed in (of_variants if row in VARIANTS else seeds)]


def parse_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; the names of rows may begin as options do."""
    masked = [_MASK + word if word in VARIANTS and word.startswith("-") else word for word in arguments]
    return _parser().parse_args(masked)


def _at_least(least: int) -> Callable[[str], int]:
    """Return an argument type: a whole number that is not below ``least``."""

    def number(word: str) -> int:
        if not word.removeprefix("-").isdecimal() or int(word) < least:
            raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of {least} or more")
        return int(word)

    return number


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.ablation",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("repo", metavar="REPOSITORY", help="the repository's folder")
    add("--revision", default="HEAD", help="the newest commit (default: HEAD)")
    add("--base", help="base model (default: the configuration's)")
    add("--config", type=Path, action="append", help="configuration of ours, may be repeated (default: tiny.yaml)")
    rows = f"of {' '.join(ROWS)} (default: all but {', '.join(CONTROLS)})"
    unmasked = methodcaller("removeprefix", _MASK)
    add("--rows", nargs="+", type=unmasked, choices=ROWS, default=DEFAULT_ROWS, metavar="ROW", help=rows)
    seeds = "of peer and ours (default: 0 1 2)"
    add("--seeds", nargs="+", type=_at_least(0), default=[0, 1, 2], metavar="N", help=seeds)
    variant_seeds = "of the others (default: the first of --seeds)"
    add("--variant-seeds", nargs="+", type=_at_least(0), metavar="N", help=variant_seeds)
    steps = f"optimizer steps of each run, to the nearest multiple of {VALIDATIONS} (default: 240, about 5 minutes)"
    add("--steps", type=_at_least(1), default=240, metavar="N", help=steps)
    tokens = "held-out tokens to evaluate on at most (default: 200000)"
    add("--tokens", type=_at_least(1), default=200_000, metavar="N", help=tokens)
    add("--work", type=Path, default=_WORK, help=f"folder for adapters (default: {_WORK})")
    add("--results", type=Path, help="file of results, for one program at a time (default: WORK/REPOSITORY.jsonl)")
    add("--table", type=Path, help="also write the table to this file")
    add("--only-table", action="store_true", help="run nothing")
    return parser
