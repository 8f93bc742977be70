"""Make the bundled base model, one subcommand a stage, each of which leaves its result in the work folder."""

import argparse
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from codelm.bases import locate
from codelm.errors import CodelmError, InputError

if TYPE_CHECKING:
    from experiments.pretrain.train import Shape

__all__ = ["corpus", "evaluate", "everything", "finish", "main", "rows", "tokenizer", "train", "untrained"]

_WORK = Path.home() / ".cache" / "codelm-pretrain"
_TINY = Path(locate("tiny"))
_LIST = Path(__file__).parent / "corpus.tsv"
_WHEELS = Path(__file__).parent / "wheels.txt"

log = logging.getLogger(__name__)


def corpus(options: argparse.Namespace) -> None:
    """Gather the corpus and list its packages; warn where they are not the recorded ones."""
    from experiments.pretrain import sources
    from experiments.pretrain.corpus import build, evaluation_texts, write
    from experiments.pretrain.duplicates import SeenTexts
    from experiments.pretrain.listing import keep_list

    work = options.work
    sources.download_crates(work / "debs")
    sources.unpack_crates(work / "debs", work / "rust")
    sources.download_wheels(_WHEELS.read_text().split(), work / "wheels")
    sources.unpack_wheels(work / "wheels", work / "python")
    packages = [*sources.crates(work / "rust"), *sources.distributions(work / "python")]
    seen, drops = SeenTexts(), Counter[str]()
    seen.add_all(evaluation_texts(packages))
    for repository in options.avoid:
        seen.add_all(_source_files(repository))
    entries = write(build(packages, seen, drops), work / "corpus", log.debug)
    for reason, count in drops.most_common():
        log.info("left out: %6d %s", count, reason)
    keep_list(entries, _LIST, work / _LIST.name, record=options.record)


def _source_files(repository: Path) -> Iterator[str]:
    """Yield the texts of the Rust and Python files of a repository's newest commit."""
    git = ["git", "-C", str(repository)]
    names = subprocess.run([*git, "ls-tree", "-r", "-z", "--name-only", "HEAD"], check=True, capture_output=True).stdout
    for name in names.decode("utf-8", "surrogateescape").split("\0"):
        if name.endswith((".rs", ".py")):
            content = subprocess.run([*git, "show", f"HEAD:{name}"], check=True, capture_output=True).stdout
            yield content.decode("utf-8", "replace")


def tokenizer(options: argparse.Namespace) -> None:
    """Train the tokenizer on every third file."""
    from experiments.pretrain.corpus import read
    from experiments.pretrain.tokenizer import save, train_bpe
    from experiments.pretrain.train import POSITIONS

    texts = (document.text for document in read(options.work / "corpus" / "train.jsonl"))
    save(train_bpe(islice(texts, 0, None, 3), options.entries), options.work / "tokenizer", POSITIONS)


def rows(options: argparse.Namespace) -> None:
    """Encode the corpus into the store of samples that training reads."""
    from codelm.bases.tokenizer import load_tokenizer
    from codelm.history.tokenization.encoder import Encoder
    from experiments.pretrain.rows import build_store

    encoder = Encoder(load_tokenizer(str(options.work / "tokenizer")))
    build_store(options.work / "corpus", encoder, options.work / "store")


def train(options: argparse.Namespace) -> None:
    """Run the stable phase, or go on with it."""
    import torch

    from experiments.pretrain.train import Schedule, train

    torch.set_num_threads(options.threads)
    train(
        options.work / "store",
        options.work / "tokenizer",
        options.work / "run",
        steps=options.steps,
        batch_tokens=options.batch_tokens,
        shape=_shape(options),
        schedule=Schedule(options.rate),
    )


def finish(options: argparse.Namespace) -> None:
    """Let the learning rate fall and unlearn loops, on a branch off the last checkpoint, and write the model."""
    import torch

    from codelm.bases.tokenizer import load_tokenizer
    from experiments.pretrain.checkpoints import step_of
    from experiments.pretrain.export import write_model
    from experiments.pretrain.loops import LoopUnlikelihood
    from experiments.pretrain.train import Schedule, finish

    torch.set_num_threads(options.threads)
    last = options.work / "run" / "last.ckpt"
    schedule = Schedule(options.rate, decay_from=step_of(last), decay=options.decay)
    tokenizer = options.work / "tokenizer"
    module = LoopUnlikelihood(_shape(options), schedule, load_tokenizer(str(tokenizer)))
    branch = options.work / "branch"
    finish(options.work / "store", tokenizer, last, branch, batch_tokens=options.batch_tokens, module=module)
    write_model(module.model, tokenizer, options.output)


def _shape(options: argparse.Namespace) -> "Shape":
    """Return the size of the model, whose vocabulary is that of the tokenizer in the work folder."""
    from codelm.bases.tokenizer import load_tokenizer
    from experiments.pretrain.train import PRESETS

    return replace(PRESETS[options.preset], vocabulary=len(load_tokenizer(str(options.work / "tokenizer"))))


def evaluate(options: argparse.Namespace) -> None:
    """Print the figures of a finished model: bits per byte, infilling, completions."""
    import torch

    from experiments.pretrain.evaluate import report

    torch.set_num_threads(options.threads)
    print(report(options.model or options.output, options.work / "corpus" / "held-out.jsonl", options.files))


def untrained(options: argparse.Namespace) -> None:
    """Write the model as it is before training, to compare with: `--output` says where."""
    from lightning.pytorch import seed_everything

    from experiments.pretrain.export import write_model
    from experiments.pretrain.train import Pretraining, Schedule

    if options.output.resolve() == _TINY.resolve():
        raise InputError(f"--output {options.output} is the trained model's folder; give another one")
    seed_everything(0, verbose=False)
    write_model(Pretraining(_shape(options), Schedule()).build(), options.work / "tokenizer", options.output)


def everything(options: argparse.Namespace) -> None:
    """Run all stages that have not left their result, one after the other."""
    stages = [(corpus, "corpus"), (tokenizer, "tokenizer"), (rows, "store"), (train, None), (finish, None)]
    for stage, result in stages:
        if result is None or not (options.work / result).exists():
            stage(options)
    evaluate(options)


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m experiments.pretrain", description=__doc__)
    parser.add_argument("--work", type=Path, default=_WORK, help="folder for downloads, corpus and checkpoints")
    stages = parser.add_subparsers(required=True, metavar="STAGE")
    for stage in (corpus, tokenizer, rows, train, finish, evaluate, untrained, everything):
        name = "all" if stage is everything else stage.__name__
        options = stages.add_parser(name, help=stage.__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        options.set_defaults(stage=stage)
        _add_options(options)
    return parser


def _add_options(options: argparse.ArgumentParser) -> None:
    """Give every stage the same options, so that `all` takes those of each."""
    cores = len(os.sched_getaffinity(0))
    options.add_argument(
        "--avoid", type=Path, nargs="*", default=[], help="repositories no copy of which may be learned"
    )
    options.add_argument("--record", action="store_true", help=f"write {_LIST.name} anew where the corpus is another")
    options.add_argument("--entries", type=int, default=12_288, help="size of the vocabulary")
    options.add_argument("--preset", choices=("cpu", "gpu"), default="cpu", help="size of the model")
    options.add_argument("--steps", type=int, default=4000, help="optimizer steps up to which the stable phase runs")
    options.add_argument("--decay", type=int, default=600, help="optimizer steps over which the rate falls")
    options.add_argument("--batch-tokens", type=int, default=4096, help="tokens a step")
    options.add_argument("--rate", type=float, default=6e-3, help="highest learning rate")
    options.add_argument("--threads", type=int, default=cores, help="threads of one product")
    options.add_argument("--output", type=Path, default=_TINY, help="folder of the model")
    options.add_argument("--model", type=Path, help="model to evaluate; None for that in --output")
    options.add_argument("--files", type=int, default=0, help="held-out files to evaluate on; 0 for all")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage and return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    options = _parser().parse_args(arguments)
    try:
        options.stage(options)
    except CodelmError as error:
        sys.stderr.write(f"experiments.pretrain: {error}\n")
        return error.exit_status
    return 0
