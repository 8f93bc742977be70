"""Hostile input: nothing that comes with a repository, a configuration, a checkpoint or a base runs or is shown raw."""

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from codelm.bases.tokenizer import load_tokenizer
from codelm.errors import CodelmError, one_line
from codelm.git.repository import open_repository, read_commits, read_graph, read_tree
from codelm.history.completeness import clone_notices
from codelm.modules.adapters import LoRA, load_adapter
from codelm.modules.base_model import load_base
from codelm.runs.checkpoint_io import AtomicCheckpointIO
from codelm.saved_run import SavedRun
from experiments.torture.harm import outcome
from experiments.torture.hostile_configs import configurations, misleading
from experiments.torture.hostile_history import left_by_run
from experiments.torture.hostile_requests import requests
from experiments.torture.hostile_texts import shown
from experiments.torture.rows import Budget, Row, tally
from experiments.torture.subjects import write_base
from experiments.torture.traps import TRAPS, Trap

__all__ = ["rows"]

_CONTROL = "the control: the same to a program without care"


class _Maker:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str, int], int], tuple[str, int]]:
        return os.open, (str(self.mark), os.O_CREAT)


def rows(budget: Budget) -> Iterator[Row]:
    """Yield a row for each kind of input."""
    folder = budget.folder("hostile")
    yield _row(
        "repositories whose settings, hooks, attributes or remotes run a program: read, and nothing runs",
        [_sprung(folder / f"trap-{number}", trap) for number, trap in enumerate(TRAPS)],
    )
    yield _row(
        "pickles in checkpoints, adapters and bases: refused, and nothing runs",
        [_unpickled(folder / f"pickle-{name}", use) for name, use in _pickles(folder).items()],
    )
    yield _row(
        "bases that bring code along (auto_map of model, configuration, tokenizer): it does not run",
        [_own_code(folder / f"code-{name}", name) for name in _AUTO_MAPS],
    )
    yield _row("configurations that name code by any door: refused, and nothing runs", list(configurations(folder)))
    yield _row(
        "configurations with aliases that explode, or keys that stand twice or are none: refused",
        list(misleading(folder / "misleading")),
    )
    yield _row(
        "served requests with special tokens' names in each field, huge and odd bodies, from other pages: the prompt"
        " has no special token from them, or they are refused; the next one is answered",
        list(requests(folder)),
    )
    yield _row(
        "a run of a history with HTML, Markdown and escape sequences in paths, messages, authors and code: shown as"
        " text in report, TensorBoard, files and on the terminal",
        list(left_by_run(folder / "history")),
    )
    yield _row("escape sequences, HTML and Markdown in names and messages: shown as text", list(shown()))
    tried, held, failures = tally(_claims(folder))
    what = "adapters, manifests and settings that claim more than they hold: refused before memory is taken"
    yield Row("hostile", what, tried, held, "no control: what lacks the check would take the memory", failures=failures)


def _row(what: str, outcomes: list[tuple[str, bool]]) -> Row:
    """Return a row; an outcome is what went wrong, if anything, and whether the control shows that the trap works."""
    tried, held, failures = tally(wrong for wrong, _ in outcomes)
    works = sum(control for _, control in outcomes)
    remark = f"{works} of {len(outcomes)} traps sprang in the control"
    return Row("hostile", what, tried, held, remark, _CONTROL, tried, tried - works, failures)


def _sprung(folder: Path, trap: Trap) -> tuple[str, bool]:
    """Read a repository with a trap; then do with it what springs the trap."""
    folder.mkdir()
    mark = folder / "mark"
    made = trap.make(folder / "r", mark)
    wrong = _ran(mark, trap.name, lambda: _read_all(made))
    trap.spring(made)
    return wrong, mark.exists()


def _ran(mark: Path, name: str, use: Callable[[], object]) -> str:
    """Use something hostile, and return what went wrong, if anything: a program ran, or an error is none of ours."""
    try:
        use()
    except CodelmError as error:
        line = str(error)
    except Exception as error:
        return f"{name}: {one_line(error, 200)}"
    else:
        line = ""
    if mark.exists():
        return f"{name}: it ran"
    return "" if line.isprintable() or not line else f"{name}: not one line"


def _read_all(folder: Path) -> None:
    """Read all that codelm reads of a repository."""
    repository = open_repository(folder)
    shas = [node.sha for node in read_graph(repository) if not node.is_merge]
    for _ in read_commits(repository, shas, lambda path: None, 1_000_000):
        pass
    for _ in read_tree(repository, repository.tip, lambda path: None, 1_000_000):
        pass
    clone_notices([repository])


_Use = tuple[Callable[[Path, Path], Path], Callable[[Path], object]]
"""Writes a pickle into a folder and returns the file; and codelm's way of reading it."""


def _pickles(folder: Path) -> Mapping[str, _Use]:
    base = write_base(folder / "base")
    plain = {"pytorch-lightning_version": "2.6.6", "state_dict": {}}

    def checkpoint(place: str) -> Callable[[Path, Path], Path]:
        def write(where: Path, mark: Path) -> Path:
            torch.save({**plain, place: _Maker(mark)}, where / "last.ckpt")
            return where / "last.ckpt"

        return write

    def bare(name: str) -> Callable[[Path, Path], Path]:
        def write(where: Path, mark: Path) -> Path:
            shutil.copytree(base, where / "base")
            (where / "base/model.safetensors").unlink()
            (where / "base" / name).write_bytes(pickle.dumps(_Maker(mark)))
            return where / "base" / name

        return write

    places = ("state_dict", "callbacks", "hyper_parameters", "optimizer_states", "loops", "codelm", "settings")
    found: dict[str, _Use] = {f"a checkpoint's {place}": (checkpoint(place), _load_checkpoint) for place in places}
    for name in ("pytorch_model.bin", "adapter_model.bin", "training_args.bin"):
        found[f"a base's {name}"] = (bare(name), lambda file: load_base(str(file.parent)))
    found["an adapter's adapter_model.bin"] = (bare("adapter_model.bin"), lambda file: _load_adapter(file.parent))
    return found


def _load_adapter(folder: Path) -> bool:
    """Load an adapter; where it is taken, return that it is not what it was."""
    load_adapter(None, LoRA(r=2, alpha=4, targets=["q_proj"]), folder)
    return False


def _load_checkpoint(file: Path) -> object:
    return AtomicCheckpointIO().load_checkpoint(file)


def _unpickled(folder: Path, use: _Use) -> tuple[str, bool]:
    """Let codelm read a pickle that makes a file; then unpickle it without care."""
    folder.mkdir()
    write, read = use
    mark = folder / "mark"
    file = write(folder, mark)
    wrong = _ran(mark, folder.name, lambda: read(file))
    if file.suffix == ".ckpt":
        torch.load(file, weights_only=False)
    else:
        pickle.loads(file.read_bytes())
    return wrong, mark.exists()


_AUTO_MAPS = {
    "configuration": ("config.json", {"auto_map": {"AutoConfig": "own.Config"}, "model_type": "own"}),
    "model": ("config.json", {"auto_map": {"AutoModelForCausalLM": "own.Model", "AutoConfig": "own.Config"}}),
    "tokenizer": (
        "tokenizer_config.json",
        {"auto_map": {"AutoTokenizer": ["own.Tokenizer", None]}, "tokenizer_class": "Own"},
    ),
}


def _own_code(folder: Path, name: str) -> tuple[str, bool]:
    """Load a base that names code of its own; then as transformers does where it is trusted."""
    from transformers import AutoConfig, AutoTokenizer

    mark = folder / "mark"
    write_base(folder)
    file, change = _AUTO_MAPS[name]
    (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | change))
    (folder / "own.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Config: pass\nclass Tokenizer: pass\n")
    wrong = _ran(mark, name, lambda: (load_base(str(folder)), load_tokenizer(str(folder))))
    loader: Any = AutoTokenizer if name == "tokenizer" else AutoConfig
    try:
        loader.from_pretrained(folder, trust_remote_code=True)
    except Exception:
        return wrong, mark.exists()
    return wrong, mark.exists()


_HEADERS = {
    "a header of a terabyte": (2**40, b"{}"),
    "a header of 2^63 bytes": (2**63, b"{}"),
    "a tensor of 4 terabytes": (80, b'{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'),
}


def _claims(folder: Path) -> Iterator[str]:
    """Yield what comes of adapters whose header claims too much, of a long manifest, and of aliases in settings."""
    adapter = folder / "claims/adapter"
    adapter.mkdir(parents=True)
    config = {"r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "use_rslora": False, "use_dora": False}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    for what, (size, header) in _HEADERS.items():
        (adapter / "adapter_model.safetensors").write_bytes(struct.pack("<Q", size) + header.ljust(80))
        yield outcome(what, lambda: _load_adapter(adapter))
    with (folder / "claims/MANIFEST.json").open("wb") as file:
        file.truncate(2**33)
    yield outcome("a manifest of 8 GB", lambda: not SavedRun(folder / "claims").manifest)
    (folder / "claims/config.yaml").write_text("a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]\n")
    yield outcome("aliases in a run's settings", lambda: not SavedRun(folder / "claims").configuration)
