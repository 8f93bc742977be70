"""The rows of training: steps beside those of peers, the command up to its first step, the report, the loss alone."""

from dataclasses import replace
from typing import Any

from experiments.bench.rows import BEFORE, MEMORY, SECONDS, THIS, Better, Contender, Inputs, Quantity, Row, builds
from experiments.bench.tasks import ROOT, Task

__all__ = ["TRAINING_ROWS"]

_SPEED = Quantity("tokens_per_second", "tokens/s", Better.MORE)
_LOSS = Quantity("last_loss", "loss of the last step", places=4)
_STEP = (_SPEED, MEMORY, _LOSS)
_COUNTS = (
    Quantity("held_out_tokens", "held-out tokens read"),
    Quantity("cursor_tasks", "cursor tasks answered"),
    Quantity("holes", "holes filled"),
    Quantity("idiom_functions", "functions written for idioms"),
    Quantity("windows", "windows continued"),
)
_CALLBACKS = "experiments.bench.children.step_times"
_TRL, _TRANSFORMERS = "TRL, loss_type nll", "transformers, all logits"
_PEERS = {_TRL: ("train_with_trl", "trl"), _TRANSFORMERS: ("train_with_transformers", None)}
"""Function and package of each peer."""


def _steps(
    inputs: Inputs, base: str, shape: tuple[int, int], steps: int, *peers: str, checkpointing: bool = False
) -> list[Contender]:
    """Return the contenders of training steps, after which those of ``peers`` come.

    Args:
        inputs: What is measured on.
        base: ``tiny``, or ``wide`` for a base of random weights with the vocabulary of StarCoder2.
        shape: Rows in a batch, and tokens in a row.
        steps: Timed steps, unless the command line has another number.
        peers: Names of trainers.
        checkpointing: Whether activations are computed again in the backward pass.
    """
    rows, tokens = shape
    options: dict[str, Any] = {
        "base": base,
        "rows": rows,
        "tokens": tokens,
        "checkpointing": checkpointing,
        "steps": inputs.steps or steps,
    }
    preparations: list[Task] = []
    if base == "wide":
        folder = options["base"] = inputs.folder("wide-base")
        preparations = [Task("bases.write_wide", ROOT, {"folder": folder})]
    ours = builds(inputs, "steps.train", **options)
    others = [
        Contender(peer, Task(f"peer_steps.{_PEERS[peer][0]}", ROOT, options), needs=_PEERS[peer][1]) for peer in peers
    ]
    return [replace(ours[0], preparations=preparations), *ours[1:], *others]


def _fit(inputs: Inputs, row: str, build: str, *words: str, config_of: str | None = None) -> list[str]:
    """Return a command line of ``codelm fit`` on the bundled base, with a cache of its own and without an evaluation.

    Args:
        inputs: What is measured on.
        row: The row's name.
        build: The name of the build.
        words: Further arguments.
        config_of: The name of the build whose configuration is taken; None for its own.
    """
    folder = inputs.folder(row, build)
    config = inputs.builds[config_of or build] / "configs" / "tiny.yaml"
    return [
        *("fit", "--config", str(config), "--data.repo", inputs.demo),
        *("--data.cache", f"{folder}/cache", "--output", f"{folder}/runs", "--name", "run"),
        *("--evaluation.enabled", "false", *words),
    ]


def _start(inputs: Inputs) -> list[Contender]:
    """Return the contenders of the command up to its first step; the first run makes the cache."""
    words = "--trainer.max_steps", "1", f"--trainer.callbacks+={_CALLBACKS}.StepTimes"
    tasks = {
        name: Task("commands.first_step", folder, {"arguments": _fit(inputs, "start", name, *words)})
        for name, folder in inputs.builds.items()
    }
    return [Contender(name, task, [task]) for name, task in tasks.items()]


def _busy(inputs: Inputs) -> list[Contender]:
    """Return the contenders of training steps of the command, first alone and then beside busy loops."""
    steps = inputs.steps or 12
    words = [
        *("--data.curriculum", "none", "--trainer.max_epochs", "1", "--trainer.limit_val_batches", "1"),
        *("--trainer.limit_train_batches", str(2 * steps + 2)),
        f"--trainer.callbacks+={_CALLBACKS}.BusyHalf",
    ]
    return [
        Contender(name, Task("commands.busy_share", folder, {"arguments": _fit(inputs, "step-busy", name, *words)}))
        for name, folder in inputs.builds.items()
    ]


def _report(inputs: Inputs) -> list[Contender]:
    """Return the contenders of the report that a demo ends with.

    Each evaluates what it has trained, with the older build's configuration: the tuned models are then the same but for
    rounding, and so is the work. There is time for all of it, so that nothing is left out.
    """
    contenders = []
    config_of = BEFORE if inputs.before else THIS
    for name, folder in inputs.builds.items():
        run_folder = f"{inputs.folder('report', name)}/runs/run/version_0"
        train = _fit(inputs, "report", name, config_of=config_of)
        measured = ["test", "--config", f"{run_folder}/config.yaml", "--ckpt_path", "best"]
        measured += ["--evaluation.enabled", "true", "--evaluation.minutes", "600"]
        task = Task("commands.report", folder, {"arguments": measured, "folder": run_folder})
        contenders.append(Contender(name, task, [Task("commands.run", folder, {"arguments": train})]))
    return contenders


def _loss(inputs: Inputs) -> list[Contender]:
    return [*builds(inputs, "losses.chunked"), Contender("all logits", Task("losses.full", ROOT))]


TRAINING_ROWS = (
    Row(
        "step",
        "training step, bundled base in 4 bits, 2 rows of 1,024 tokens, LoRA of rank 16",
        _STEP,
        lambda inputs: _steps(inputs, "tiny", (2, 1024), 20, _TRL),
    ),
    Row(
        "step-wide",
        "training step, 6 layers 256 wide, vocabulary 49,152, 2 rows of 2,048, gradient checkpointing",
        _STEP,
        lambda inputs: _steps(inputs, "wide", (2, 2048), 6, _TRL, _TRANSFORMERS, checkpointing=True),
    ),
    Row(
        "step-long",
        "training step, bundled base, 1 row of 4,096 tokens",
        _STEP,
        lambda inputs: _steps(inputs, "tiny", (1, 4096), 10),
    ),
    Row(
        "step-busy",
        "training step of the command beside one busy loop on each core, as a share of its speed without them",
        (Quantity("share", "share of its quiet speed, %", Better.MORE, 1),),
        _busy,
    ),
    Row(
        "start",
        "`codelm fit` with the bundled base and a warm cache, until the first step is taken",
        (SECONDS, MEMORY),
        _start,
    ),
    Row(
        "report",
        "evaluation and report that `scripts/demo` ends with, all of it, however long it takes",
        (SECONDS, MEMORY, *_COUNTS),
        _report,
    ),
    Row(
        "loss",
        "loss of 1,024 tokens, 768 wide, vocabulary 49,152, float32, forward and backward",
        (SECONDS, MEMORY, Quantity("loss", "loss")),
        _loss,
    ),
)
