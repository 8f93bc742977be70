"""What the held-out commits cost a saved adapter: the same code, the same commits, for every row."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray

from codelm.errors import InputError
from codelm.evaluation.data import Chunk, Material
from codelm.evaluation.model import Examinee
from codelm.evaluation.tasks.likelihood import scored
from codelm.history.samples.formats import MIDDLE
from codelm.metrics.likelihood import Cost
from codelm.modules import LoRACausalLM
from codelm.modules.adapters import LoRA
from experiments.ablation.objects import make, material_of
from experiments.ablation.settings import Settings

Prices = NDArray[np.float64]
"""The nats of each token of a sample, ``[T]``."""

ROWS_AT_A_TIME = 4
HOLE, WINDOW = "hole", "left to right"
"""The two forms in which a change is put: filled in between its surroundings, or read on to."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one commit's new lines cost in one form."""

    commit: str
    form: str
    bytes: int
    base: float
    tuned: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What came out, and where the history was cut."""

    cut: str
    parts: list[Part]


class Meter:
    """Measures adapters, all on the same commits; what these cost the untouched base is found once.

    Args:
        settings: Those of ours, without a seed: they decide commits and prompts alike for all rows.
        tokens: Tokens of held-out samples at most.
    """

    def __init__(self, settings: Settings, tokens: int) -> None:
        self.settings = settings
        self.tokens = tokens
        self.base: list[Prices] | None = None

    @torch.inference_mode()
    def measure(self, adapter: Path) -> Measured:
        """Return what the new lines of the test commits cost the base, and with an adapter in PEFT's format."""
        model, data = make(self.settings)
        material = material_of(data)
        chunks = material.test_chunks(self.tokens)
        ready(model)
        set_adapter(model, adapter)
        examinee = Examinee(model, room=data.sequence_length, batch_size=ROWS_AT_A_TIME)
        tuned = examinee.surprise([chunk.ids for chunk in chunks])
        if self.base is None:
            with examinee.as_base():
                self.base = examinee.surprise([chunk.ids for chunk in chunks])
        cut = data.store.facts["scrape"]["repositories"][0]["split"]["cut"]
        return Measured(cut, summed(costs(material, chunks, self.base, tuned)))


def ready(model: LoRACausalLM) -> None:
    """Load the base in float32, whatever it was trained in, to where this machine computes."""
    trainer = Trainer(accelerator="auto", devices=1, precision="32-true", logger=False, enable_checkpointing=False)
    model.trainer = trainer
    model.configure_model()
    model.to(trainer.strategy.root_device).eval()


def set_adapter(model: LoRACausalLM, folder: Path) -> None:
    """Give a model the weights of an adapter in PEFT's format.

    Raises:
        InputError: The adapter is of another shape, or lacks weights.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    refuse_other_shape(model.lora, json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")))
    found: Any = set_peft_model_state_dict(model.model, load_file(folder / "adapter_model.safetensors"))
    missing = [name for name in found.missing_keys if "lora_" in name]
    if missing or found.unexpected_keys:
        raise InputError(f"adapter {folder} does not fit: {len(missing)} missing, {len(found.unexpected_keys)} unknown")


def refuse_other_shape(lora: LoRA, given: dict[str, Any]) -> None:
    """Raise `InputError` where an adapter's configuration is not the model's: its weights would mean something else."""
    wanted = (lora.r, lora.alpha, lora.rslora, lora.dora, set(lora.targets))
    found = (*(given[name] for name in ("r", "lora_alpha", "use_rslora", "use_dora")), set(given["target_modules"]))
    if found != wanted:
        raise InputError(f"the adapter has r, alpha, rslora, dora, targets {found}, the model {wanted}; train it again")


def costs(
    material: Material, chunks: Sequence[Chunk], base: Sequence[Prices], tuned: Sequence[Prices]
) -> Iterator[tuple[str, str, Cost]]:
    """Yield commit, form and cost of the new lines of each run of text."""
    middle = material.encoder.sentinels.get(MIDDLE)
    for chunk, *prices in zip(chunks, base, tuned, strict=True):
        form = HOLE if middle in chunk.ids else WINDOW
        for part in scored(material, chunk, *prices):
            yield str(material.commit(part.commit)["sha"]), form, part.new


def summed(found: Iterable[tuple[str, str, Cost]]) -> list[Part]:
    """Return the sum for each commit and form that has new lines, in the order of the history."""
    sums: defaultdict[tuple[str, str], Cost] = defaultdict(Cost)
    for commit, form, cost in found:
        sums[commit, form] += cost
    return [Part(*names, cost.bytes, cost.base, cost.tuned) for names, cost in sums.items() if cost.bytes]
