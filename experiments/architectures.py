"""Try each decoder family of transformers on a small random model, as `codelm fit` tries a base; make docs/models.md.

.venv/bin/python -m experiments.architectures docs/models.md [FAMILY]...

A family stands for the default of its configuration class, made small. Each is tried in a process of its own, within a
time limit. The table replaces what follows its heading in the file.
"""

import argparse
import logging
import multiprocessing
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from codelm.batch import WeightedTokens, collate
from codelm.errors import InputError, one_line
from codelm.modules import CausalLM, LoRA
from codelm.modules.adapters import lora_config
from codelm.modules.base_model import linear_layers
from codelm.modules.base_trial import try_adapters, try_base
from codelm.modules.four_bits import layer_bytes
from codelm.modules.small_model import small_model

__all__ = ["Outcome", "main", "table", "try_family", "try_in_process"]

_HEADING = "## The families of transformers"
_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out for one family.

    Attributes:
        family: The ``model_type`` of its configuration.
        refusal: Why it is refused; empty if it is not.
        attention: The implementation of attention it was tried with.
        packed: Whether the samples of a packed row stay apart.
        deviation: Largest difference of a gradient from the reference's, as a share of the largest gradient.
        in_16_bits: Share of the bytes of its layers that quantisation to 4 bits leaves in 16 bits.
        unadapted: Names of linear layers that PEFT does not adapt.
    """

    family: str
    refusal: str = ""
    attention: str = "sdpa"
    packed: bool = False
    deviation: float = 0.0
    in_16_bits: float = 0.0
    unadapted: tuple[str, ...] = ()


class _Adapted(CausalLM):
    """A model with adapters that is there already."""

    @property
    def language_model(self) -> Any:
        return self.model.get_base_model()


def try_family(family: str) -> Outcome:
    """Return what comes out for a family."""
    try:
        return _try(family, AutoConfig.for_model(family))
    except InputError as error:
        return Outcome(family, refusal=str(error).removeprefix(f"base model {family} ").split("; ")[0])
    except Exception as error:  # of code that is not ours
        return Outcome(family, refusal=f"cannot be tried: {one_line(error, 120)}")


def _try(family: str, config: PretrainedConfig) -> Outcome:
    """Return what comes out for a configuration, with eager attention where there is no other.

    Raises:
        InputError: It is refused.
    """
    attention = "sdpa"
    try:
        model = small_model(family, config, attention)
    except InputError as error:
        if "give --model.attention eager" not in str(error):
            raise
        attention = "eager"
        model = small_model(family, config, attention)
    packed = try_base(family, model)
    names = sorted({layer.rpartition(".")[2] for layer in linear_layers(model.config)})
    if not names:
        raise InputError("has no linear layers that could be adapted")
    adapted = names
    if not _are_adapted(family, config, attention, names):
        adapted = [name for name in names if _are_adapted(family, config, attention, [name])]
    if not adapted:
        raise InputError("has no linear layer that PEFT adapts")
    module = _Adapted()
    module.keeps_samples_apart = packed
    module.model = try_adapters(family, model, LoRA(dropout=0, targets=adapted), checkpointing=False)
    share = layer_bytes(config).share_in_16_bits
    unadapted = tuple(name for name in names if name not in adapted)
    return Outcome(family, "", attention, packed, _deviation(module), share, unadapted)


def _are_adapted(family: str, config: PretrainedConfig, attention: str, names: list[str]) -> bool:
    """Return whether PEFT adapts the linear layers of these names, with the default dropout."""
    try:
        try_adapters(family, small_model(family, config, attention), LoRA(targets=names), checkpointing=False)
    except InputError:
        return False
    return True


def _deviation(module: Any) -> float:
    """Return how far the gradients of three packed samples are from those of transformers' logits of each alone."""
    parameters = [parameter for _, parameter in module.trained()]
    generator = torch.Generator().manual_seed(0)
    for parameter in parameters:  # half of them begin at 0, and hide the others' gradients
        parameter.data.normal_(std=0.1, generator=generator)
    samples = [torch.randint(8, 128, (length,), generator=generator) for length in (5, 9, 6)]
    total, _ = module.weighted_nll(collate([[WeightedTokens(ids, torch.ones(len(ids))) for ids in samples]]))
    reference = torch.stack([_nll(module.language_model, ids) for ids in samples]).sum()
    ours, theirs = (torch.autograd.grad(loss, parameters, allow_unused=True) for loss in (total, reference))
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=True) if one is not None and other is not None]
    if [one is None for one in ours] != [other is None for other in theirs]:
        return float("inf")
    largest = max(float(other.abs().max()) for _, other in pairs)
    return max(float((one - other).abs().max()) for one, other in pairs) / largest


def _nll(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """Return the summed nll of a sample, by the logits of the whole model; a scalar, in nats."""
    logits = model(input_ids=ids[None], use_cache=False).logits[0]
    return cross_entropy(logits[:-1], ids[1:], reduction="sum")


def try_in_process(family: str, seconds: float = _SECONDS) -> Outcome:
    """Return what comes out for a family, tried in a process that is ended after some time."""
    context = multiprocessing.get_context("fork")  # transformers is imported already
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, family), daemon=True)
    process.start()
    sender.close()
    try:
        if receiver.poll(seconds):
            outcome: Outcome = receiver.recv()
            return outcome
        return Outcome(family, refusal=f"cannot be tried within {seconds:g} seconds")
    except EOFError:
        return Outcome(family, refusal="cannot be tried: its process ended")
    finally:
        process.kill()
        process.join()


def _send(sender: Connection, family: str) -> None:
    torch.set_num_threads(1)
    sender.send(try_family(family))


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as a section of Markdown."""
    accepted = [outcome for outcome in outcomes if not outcome.refusal]
    packed = sum(outcome.packed for outcome in accepted)
    rows = [
        f"| {each.family} | {'packed' if each.packed else 'one by one'} | {each.attention} | {each.deviation:.0e} "
        f"| {each.in_16_bits:.1%} | {' '.join(each.unadapted)} |"
        for each in accepted
    ]
    refused = [f"| {each.family} | {each.refusal.replace('|', ' ')} |" for each in outcomes if each.refusal]
    return "\n".join(
        [
            f"{_HEADING}\n",
            f"Tried with transformers {transformers.__version__} and torch {torch.__version__.partition('+')[0]}: "
            f"{len(outcomes)} families, of which {packed} are packed, {len(accepted) - packed} computed one by one and "
            f"{len(refused)} refused.\n",
            "| family | samples of a row | attention | training differs by | left in 16 bits | not adapted by PEFT |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "| refused | why |",
            "|---|---|",
            *refused,
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table into a file and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.architectures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the Markdown file whose last section is replaced")
    parser.add_argument("families", metavar="FAMILY", nargs="*", help="families to try (default: all)")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity(logging.CRITICAL)
    lora_config(LoRA())  # imports peft, once for all processes
    outcomes = []
    for family in options.families or sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        outcomes.append(try_in_process(family))
        sys.stderr.write(f"{outcomes[-1]}\n")
    try:
        before = options.file.read_text("utf-8").partition(_HEADING)[0] if options.file.exists() else ""
        options.file.write_text(before + table(outcomes), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"experiments.architectures: {options.file} cannot be written: {error.strerror}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
