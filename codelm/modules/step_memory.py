"""The memory that a training step will need, found out without a weight or a GPU.

The step is run on tensors that have shapes and no values, while the bytes of all storages that live are counted. What
is found is what torch allocates; the workspaces of kernels, the device's own context and what fragmentation costs come
on top.
"""

import weakref
from collections import Counter
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_
from transformers import AutoModelForCausalLM, PretrainedConfig

from codelm.errors import CodelmError, one_line
from codelm.modules.base_model import load_config
from codelm.modules.decoder import decoder_of, states_within
from codelm.modules.four_bits import empty_weight, pack_linear_layers
from codelm.modules.lora_causal_lm import LoRACausalLM
from codelm.modules.losses import chunk_size, learned_nll_sum
from codelm.modules.offloading import can_offload, traced_as_offloaded
from codelm.modules.packed_attention import BY_SAMPLE

__all__ = ["StepMemory", "UntraceableError", "trace_step"]

_FEW_LAYERS = 2, 4
"""A base of many equal layers is traced with so few: a layer adds the same whatever their number."""
_MOMENTS = {"adamw": 8, "paged_adamw_8bit": 2}
"""Bytes of an optimizer's state for each trained parameter."""


class UntraceableError(CodelmError):
    """A base's step cannot be run without values."""


@dataclass(frozen=True, slots=True)
class StepMemory:
    """Bytes that live when a training step needs the most.

    Attributes:
        weights: The base's, with the scales of those in 4 bits.
        adapters: The adapters', with their gradients and the optimizer's state.
        activations: What the forward pass keeps for the backward pass.
        loss: What the loss makes.
        backward: What the backward pass makes: gradients, and what it computes again.
        host: What the host keeps of the activations, in its own memory.
    """

    weights: int
    adapters: int
    activations: int
    loss: int
    backward: int
    host: int = 0

    @property
    def peak(self) -> int:
        """All of it that the device holds."""
        return sum(self.parts.values())

    @property
    def parts(self) -> dict[str, int]:
        """The bytes of the device by name."""
        return {name: size for name, size in asdict(self).items() if name != "host"}


class _Step(NamedTuple):
    """Rows and their tokens, the type of products, logits made at a time, and whether the host keeps activations."""

    rows: int
    tokens: int
    dtype: torch.dtype
    logits: int
    offloads: bool


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the storages that live, by the part of the step in which they were made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.part = "weights"
        self.live: Counter[str] = Counter()
        self.peaks: dict[str, Counter[str]] = {}
        self.seen: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self.host: list[int] = []

    def add(self, value: Any) -> None:
        """Count the storage of a tensor that is new."""
        storage = value.untyped_storage() if isinstance(value, Tensor) else None
        if storage is None or storage in self.seen:
            return
        self.seen[storage] = self.part
        self.live[self.part] += storage.nbytes()
        weakref.finalize(storage, self._drop, self.part, storage.nbytes())
        if self.live.total() > self.peaks.get(self.part, Counter()).total():
            self.peaks[self.part] = Counter(self.live)

    def _drop(self, part: str, size: int) -> None:
        self.live[part] -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if str(func) == "aten._local_scalar_dense.default":
            return 0  # a seed of dropout: any will do
        output = func(*args, **(kwargs or {}))
        tree_map_(self.add, output)
        return output


def trace_step(model: LoRACausalLM, *, rows: int, tokens: int, dtype: torch.dtype, device: str = "cuda") -> StepMemory:
    """Return the memory of a training step with all of its tokens learned.

    Args:
        model: The settings of base, adapters and optimizer; `check` comes first.
        rows: Rows at a time.
        tokens: Tokens in a row.
        dtype: The type of products, and of the base's weights that are not in 4 bits.
        device: The name of the type of device that trains, which decides how many logits are made at a time, and
            whether the host can keep activations for it.

    Raises:
        UntraceableError: The base, or adapters of this kind, compute with values, so that the memory is not known.
    """
    config = load_config(model.base, model.revision, dropout=model.base_dropout)
    layers = getattr(config.get_text_config(), "num_hidden_layers", 0)
    try:
        logits = chunk_size(device, config.get_text_config().hidden_size)
        step = _Step(rows, tokens, dtype, logits, model.activation_offloading and can_offload(device))
        with torch.random.fork_rng(devices=[]):
            if layers <= max(_FEW_LAYERS) or not _are_equal(config):
                return max(_traced(model, config, step).values(), key=attrgetter("peak"))
            few, more = (_traced(model, _shortened(config, count), step) for count in _FEW_LAYERS)
    except Exception as error:  # of code of two hundred architectures, on tensors that it was not written for
        raise UntraceableError(
            f"the memory that base model {model.base} needs is unknown: {one_line(error)}"
        ) from error
    share = (layers - _FEW_LAYERS[0]) / (_FEW_LAYERS[1] - _FEW_LAYERS[0])
    grown = (
        StepMemory(
            **{name: round(low + share * (getattr(more[part], name) - low)) for name, low in asdict(few[part]).items()}
        )
        for part in few
    )
    return max(grown, key=attrgetter("peak"))


def _are_equal(config: PretrainedConfig) -> bool:
    """Return whether a configuration names no more than one kind of layer."""
    return len(set(getattr(config.get_text_config(), "layer_types", None) or ())) < 2


def _shortened(config: PretrainedConfig, layers: int) -> PretrainedConfig:
    """Return a configuration with fewer layers."""
    shortened = deepcopy(config)
    text = shortened.get_text_config()
    text.num_hidden_layers = layers
    if getattr(text, "layer_types", None):
        text.layer_types = text.layer_types[:layers]
    return shortened


def _traced(model: LoRACausalLM, config: PretrainedConfig, step: _Step) -> dict[str, StepMemory]:
    """Run a step of a base of that configuration and return the memory at the peak of each of its parts."""
    auto_model: Any = AutoModelForCausalLM
    attention = BY_SAMPLE if model.attends_by_sample else model.attention
    with torch.device("meta"):
        base = auto_model.from_config(config, attn_implementation=attention, trust_remote_code=False)
        packed = pack_linear_layers(base, model.quantization, device="meta") if model.quantization != "none" else []
        adapted = model.adapt(base)
    counter = _Counter()
    with FakeTensorMode():
        for layer in packed:
            layer.weight = empty_weight(layer.weight.shape, step.dtype, nested=model.double_quantization)
        _give_memory(adapted, step.dtype)
        base.tie_weights()
        adapted.train()
        _count_weights(counter, adapted, _MOMENTS[model.optimizer])
        with counter, torch.autocast("cpu", step.dtype, enabled=step.dtype != torch.float32):
            counter.part = "activations"
            with traced_as_offloaded(counter.host.append) if step.offloads else nullcontext():
                hidden = _hidden_states(decoder_of(base), step.rows, step.tokens, by_sample=model.attends_by_sample)
            counter.part = "loss"
            loss = _loss(hidden, base.get_output_embeddings(), step.logits)
            del hidden
            counter.part = "backward"
            loss.backward()  # type: ignore[no-untyped-call]
    host = {"host": sum(counter.host)}
    names = [field.name for field in fields(StepMemory)]
    return {part: StepMemory(**{name: peak[name] for name in names} | host) for part, peak in counter.peaks.items()}


def _give_memory(model: nn.Module, dtype: torch.dtype) -> None:
    """Replace parameters and buffers on the device ``meta``: trained ones are float32, other parameters ``dtype``."""
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.is_meta:
                trained = parameter.requires_grad
                empty = torch.empty(parameter.shape, dtype=torch.float32 if trained else dtype)
                setattr(module, name, nn.Parameter(empty, requires_grad=trained))
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_meta:
                setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))


def _count_weights(counter: _Counter, model: nn.Module, moments: int) -> None:
    """Count the weights, the gradients that accumulate, and ``moments`` bytes for each parameter that is trained."""
    for parameter in model.parameters():
        counter.part = "adapters" if parameter.requires_grad else "weights"
        counter.add(parameter)
        state = getattr(parameter, "quant_state", None)
        for each in (state, getattr(state, "state2", None)):
            counter.add(getattr(each, "absmax", None))
        if parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter)
            counter.add(parameter.grad)
            counter.live["adapters"] += moments * parameter.numel()


def _hidden_states(decoder: Any, rows: int, tokens: int, *, by_sample: bool) -> Tensor:
    """Return the last hidden states of all tokens, ``[rows, tokens, H]``."""
    ids = torch.zeros(rows, tokens, dtype=torch.int64)
    if not by_sample:
        mask = torch.ones(rows, 1, tokens, tokens, dtype=torch.bool)
        states: Tensor = decoder(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        return states
    row, borders = ids.view(1, -1), range(0, rows * tokens + 1, tokens)
    return states_within(decoder, row, row, borders).view(rows, tokens, -1)


def _loss(hidden: Tensor, head: Any, logits: int) -> Tensor:
    """Return the loss of all tokens, a scalar, with so many logits at a time."""
    states = hidden[:, :-1].reshape(-1, hidden.shape[-1])
    labels = torch.zeros(len(states), dtype=torch.int64)
    return learned_nll_sum(states, labels, torch.ones(len(states)), head.weight, head.bias, chunk_elements=logits)
