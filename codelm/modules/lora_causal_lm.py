"""A 4-bit base model with LoRA adapters, as a Lightning module."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonargparse.typing import ClosedUnitInterval, NonNegativeFloat, PositiveFloat, PositiveInt

from codelm.bases.tokenizer import load_tokenizer
from codelm.modules.adapters import (
    Coverage,
    LoRA,
    adapter_disabled,
    add_adapter,
    coverage,
    refuse_unknown_targets,
    save_adapter,
)
from codelm.modules.base import (
    Attention,
    Loading,
    Quantization,
    checkpoint_activations,
    declared_linear_layers,
    load_base,
    load_config,
    refuse_unusual_head,
)
from codelm.modules.causal_lm import CausalLM
from codelm.modules.generation import Generated, Sampling, complete
from codelm.modules.identity import Identity, identify
from codelm.modules.optimizers import OptimizerName
from codelm.modules.precision import compute_dtype


class LoRACausalLM(CausalLM):
    """Any causal language model of Hugging Face, frozen, with LoRA adapters that learn.

    Args:
        base: the base model: a name on the model hub, a folder, or ``tiny``, which travels in the package.
        revision: the hub's branch, tag or commit of the base.
        quantization: nf4 holds linear weights in 4 bits; none holds them in the type of computation.
        double_quantization: quantise the scales of the 4-bit weights as well.
        attention: which of transformers' implementations attends.
        lora: the adapters.
        gradient_checkpointing: keep only each block's input for the backward pass; slower, far less memory.
        learning_rate: the highest learning rate, reached after warm-up.
        weight_decay: how strongly matrices decay; vectors do not.
        warmup: the share of all steps over which the learning rate rises; then it falls as a half cosine.
        optimizer: AdamW, or bitsandbytes' paged 8-bit AdamW, which saves memory on CUDA.
        max_new_tokens: tokens that `predict` writes behind a prompt at most.
    """

    def __init__(
        self,
        base: str = "bigcode/starcoder2-3b",
        *,
        revision: str | None = None,
        quantization: Quantization = "nf4",
        double_quantization: bool = True,
        attention: Attention = "sdpa",
        lora: LoRA = LoRA(),
        gradient_checkpointing: bool = True,
        learning_rate: PositiveFloat = 1e-4,
        weight_decay: NonNegativeFloat = 0.01,
        warmup: ClosedUnitInterval = 0.1,
        optimizer: OptimizerName = "adamw",
        max_new_tokens: PositiveInt = 256,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, warmup=warmup, optimizer=optimizer)
        self.base = base
        self.revision = revision
        self.quantization = quantization
        self.double_quantization = double_quantization
        self.attention = attention
        self.lora = lora
        self.gradient_checkpointing = gradient_checkpointing
        self.max_new_tokens = max_new_tokens
        self.base_identity: Identity | None = None

    def check(self) -> None:
        """Refuse settings that cannot work, from the base's configuration alone: no weight is loaded.

        Raises:
            InputError: no such base, a LoRA target that matches no layer, or a precision that trains narrow weights.
        """
        compute_dtype(self.precision)
        refuse_unknown_targets(self.lora.targets, self.linear_layers, base=self.base)

    @property
    def max_positions(self) -> int | None:
        """How long a sequence may be, from the base's configuration; None where it does not say."""
        return getattr(load_config(self.base, self.revision), "max_position_embeddings", None)

    @cached_property
    def linear_layers(self) -> list[str]:
        """The base's linear layers that may carry adapters, from its configuration."""
        return declared_linear_layers(load_config(self.base, self.revision))

    @property
    def precision(self) -> str:
        """The trainer's precision, or float32 without a trainer."""
        return str(self._trainer.precision) if self._trainer else "32-true"

    def build(self) -> Any:
        """Load the base and add fresh adapters."""
        self.check()
        base = load_base(self.base, self._loading(), revision=self.revision)
        self.base_identity = identify(self.base, self.revision)
        refuse_unusual_head(self.base, base)
        model = add_adapter(base, self.lora, revision=self.revision)
        if self.gradient_checkpointing:
            checkpoint_activations(base)  # only now: peft would make the embedding's output want a gradient
        return model

    def _loading(self) -> Loading:
        """Say how to hold the base's weights under the trainer given."""
        return Loading(
            dtype=compute_dtype(self.precision),
            quantization=self.quantization,
            double_quantization=self.double_quantization,
            attention=self.attention,
            device=str(self._trainer.strategy.root_device) if self._trainer else "cpu",
        )

    @property
    def language_model(self) -> Any:
        """The Hugging Face model with decoder and head, adapters inside."""
        return self.model.get_base_model()

    @property
    def coverage(self) -> Coverage:
        """Which layers carry adapters, and how many parameters learn."""
        return coverage(self.model, self.lora.targets, self.linear_layers)

    @cached_property
    def tokenizer(self) -> Any:
        """The base's tokenizer."""
        return load_tokenizer(self.base, self.revision)

    def predict_step(self, batch: list[str], batch_idx: int) -> list[Generated]:
        """Return what the model writes behind each prompt of a batch, always the likeliest token next."""
        greedy = Sampling(self.max_new_tokens, temperature=0.0, top_p=1.0, batch_size=len(batch))
        return list(complete(self.model, self.tokenizer, batch, greedy))

    @contextmanager
    def base_disabled(self) -> Iterator[None]:
        """Compute as the untouched base, for a while."""
        with adapter_disabled(self.model):
            yield

    def save_adapter(self, folder: str | Path) -> None:
        """Write adapter and tokenizer into ``folder``, in PEFT's format."""
        save_adapter(self.model, Path(folder))
        self.tokenizer.save_pretrained(folder)
