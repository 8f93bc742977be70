"""Credentials and people: what of a history that is full of them reaches anything that codelm leaves."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.torture.fast_import import make_repository
from experiments.torture.leaks import Search, contents, decoded
from experiments.torture.planted import Planted, planted_commits, planted_values, prompts_before_values
from experiments.torture.rows import Budget, Row
from experiments.torture.runs import ReadsFrom, processes, run_in_process
from experiments.torture.subjects import write_base

__all__ = [
    "FILTERED",
    "UNFILTERED",
    "Run",
    "leaks",
    "leave_data",
    "leave_run",
    "places",
    "row",
    "rows",
]

FILTERED = ("--data.filters.redact=[emails, names]",)
UNFILTERED = ("--data.filters.secrets=false", "--data.filters.redact=[]")
_GUARD = "data.filters.secrets and redact"
_CONFIG = """
model: {base: BASE, quantization: none, lora: {r: 64, alpha: 128, dropout: 0.0, loraplus_ratio: 4}, learning_rate: 2e-3}
data: {sequence_length: 512, batch_size: 2, held_out: 0.3, curriculum: none}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 2, limit_train_batches: 60, accumulate_grad_batches: 1,
  limit_val_batches: 2, log_every_n_steps: 1}
early_stopping: {patience: 99}
behavior: {prompts: ["pub fn number", "// Written by "], max_new_tokens: 24}
evaluation: {limit: 4, minutes: 0.5, tokens: 4000}
"""

_SHORT = """
model: {base: BASE, quantization: none, lora: {r: 2, alpha: 4}, learning_rate: 1e-2}
data: {sequence_length: 128, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 1, accumulate_grad_batches: 1, limit_train_batches: 3,
  limit_val_batches: 2, log_every_n_steps: 1}
behavior: {prompts: ["fn main"], max_new_tokens: 2}
evaluation: {limit: 1, minutes: 0.2, tokens: 500, every_n_epochs: 0}
"""

Run = Callable[[Sequence[str], str], str]
"""Runs the command with some words and a standard input, and returns all that it printed."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where values are looked for: a name, and the files of it, in a folder with all that was left."""

    name: str
    patterns: tuple[str, ...]


_PLACES = (
    _Place("the files of the cache", ("cache/**/*",)),
    _Place("what was printed and logged", ("printed/*.txt",)),
    _Place("TensorBoard's events", ("runs/**/events.out.*",)),
    _Place("the report", ("runs/**/report.html",)),
    _Place("the manifest and the configuration", ("runs/**/MANIFEST.json", "runs/**/*.yaml")),
    _Place("all other files of the run", ("runs/**/*",)),
    _Place("an export of the adapter", ("export/**/*",)),
    _Place("datasets", ("tokens/**/*", "text/**/*")),
    _Place("an inspection", ("inspected/*",)),
    _Place("what the model writes", ("written/*",)),
)
_TOKENS = "the text of all tokens"
_MOST_PROMPTS = 40


def rows(budget: Budget) -> Iterator[Row]:
    """Yield a row for each place; all values are planted, whatever the share.

    In the short form a smaller base learns less, and is not asked to write.
    """
    values, scratch = planted_values(), budget.folder("secrets")
    base = str(write_base(scratch / "base")) if budget.is_short else "tiny"
    config, prompts = (_SHORT, ()) if budget.is_short else (_CONFIG, _prompts())
    kept: dict[str, dict[str, Search]] = {}
    repository = make_repository(scratch / "planted", planted_commits())
    run = _in_process(scratch)
    for name, settings in (("with", FILTERED), ("without", UNFILTERED)):
        folder = scratch / name
        leave_run(folder, repository, settings, run, config.replace("BASE", base), prompts)
        leave_data(folder, repository, settings, run, config.replace("BASE", base))
        kept[name] = leaks(folder, values, base)
    for place, search in kept["with"].items():
        if search.size or kept["without"][place].size:
            yield row(place, search, kept["without"][place])


def row(place: str, with_filters: Search, without: Search) -> Row:
    """Return the row of a place, by the searches of what was left there with the filters and without."""
    count, guard = len(with_filters.values), _GUARD if without.found else ""
    counts = (count, count - len(without.found)) if guard else (0, 0)
    missed = tuple(sorted(f"{each.what} in {place}" for each in with_filters.found))
    remark = f"{with_filters.size / 1e3:,.0f} KB" + ("" if guard else "; without the filters nothing came here either")
    what = f"of {count} planted values, none is in {place}"
    return Row("secrets", what, count, count - len(missed), remark, guard, *counts, missed)


def _in_process(folder: Path) -> Run:
    """Return what runs the command in a process of its own, in a folder."""

    def run(words: Sequence[str], stdin: str) -> str:
        (folder / "stdin").write_text(stdin)
        ended = run_in_process(processes(), folder, words, ReadsFrom(str(folder / "stdin")))
        if ended.status:
            raise RuntimeError(f"{' '.join(words)} ended with {ended.status}: {ended.said[-2000:]}")
        return ended.said

    return run


def _prompts() -> list[str]:
    """Return what stands before some values in their lines: who has learned a line goes on with its value."""
    return ["// Written by ", *prompts_before_values()[:_MOST_PROMPTS]]


def leave_run(
    folder: Path,
    repository: Path,
    settings: Sequence[str],
    run: Run,
    config: str = _CONFIG,
    prompts: Sequence[str] = (),
) -> None:
    """Train on a history and evaluate, export the adapter, and let the model write.

    Args:
        folder: A folder for all that is left.
        repository: The folder of the history.
        settings: Settings of the data.
        run: Runs a command.
        config: The configuration of the run.
        prompts: Lines that the model goes on with; for none it is not asked.
    """
    data, output = _settings_of_data(folder, settings, config), f"--output={folder / 'runs'}"
    _leave(folder / "printed/fit.txt", run, ["fit", *data, f"--data.repo={repository}", output, "--name=planted"])
    to = f"--to={folder / 'export'}"
    _leave(folder / "printed/export.txt", run, ["export", "planted", "--format=adapter", "--tokens=0", to, output])
    if prompts:
        words = ["complete", "planted", "--interactive", "--max_new_tokens=64", output]
        _leave(folder / "written/lines.txt", run, words, "".join(f"{each}\n" for each in prompts))


def leave_data(folder: Path, repository: Path, settings: Sequence[str], run: Run, config: str = _CONFIG) -> None:
    """Write datasets and inspections of a history; the arguments are those of `leave_run`."""
    data = _settings_of_data(folder, settings, config)
    for columns in ("tokens", "text"):
        words = ["data", str(repository), f"--to={folder / columns}", f"--columns={columns}", *data]
        _leave(folder / f"printed/{columns}.txt", run, words)
    for name, options in (("all.json", ["--json"]), ("text.txt", [])):
        words = ["inspect", str(repository), "--samples=200", f"--output={folder / 'runs'}", *options, *data]
        _leave(folder / "inspected" / name, run, words)


def _settings_of_data(folder: Path, settings: Sequence[str], config: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / "short.yaml").write_text(config)
    return [f"--config={folder / 'short.yaml'}", f"--data.cache={folder / 'cache'}", *settings]


def _leave(file: Path, run: Run, words: Sequence[str], stdin: str = "") -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(run(words, stdin))


def places(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each place, none of them twice."""
    taken: set[Path] = set()
    found: dict[str, list[Path]] = {}
    for place in _PLACES:
        files = {file for pattern in place.patterns for file in folder.glob(pattern)} - taken
        taken |= files
        found[place.name] = sorted(files)
    return found


def leaks(folder: Path, values: Sequence[Planted], base: str = "tiny") -> dict[str, Search]:
    """Return the search of each place for some values.

    Args:
        folder: A folder that `leave_run` and `leave_data` have filled.
        values: The values.
        base: The base whose tokenizer made the tokens.
    """
    from codelm.datamodules.prompt_format import encoder_for

    texts: dict[str, Iterable[bytes]] = {
        _TOKENS: decoded(sorted(folder.glob("cache/*/tokens.bin")), encoder_for(base, None, "auto"))
    }
    texts |= {name: contents(files, folder) for name, files in places(folder).items()}
    searches = {name: Search(values) for name in texts}
    for name, search in searches.items():
        search.search(texts[name])
    return searches
