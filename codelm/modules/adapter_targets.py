"""Names of the layers that have adapters: targets, and the layers of a base that they name."""

from collections.abc import Sequence

from codelm.errors import InputError

__all__ = ["LLAMA_TARGETS", "names_layer", "refuse_unknown_targets"]

LLAMA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of bases built like Llama, which `_LLAMA_CONFIG` names."""
_LLAMA_CONFIG = "configs/bases/llama.yaml"


def names_layer(target: str, layer: str) -> bool:
    """Return whether ``target`` names ``layer`` as peft understands it: its whole dotted name or the end of it.

    >>> names_layer("mlp.c_fc", "model.layers.0.mlp.c_fc"), names_layer("fc", "model.layers.0.mlp.c_fc")
    (True, False)
    """
    return f".{layer}".endswith(f".{target}")


def refuse_unknown_targets(targets: Sequence[str], layers: Sequence[str], *, base: str) -> None:
    """Raise `InputError` if a target matches no linear layer, or there is none; peft is content if one matches."""
    unknown = [target for target in targets if not any(names_layer(target, layer) for layer in layers)]
    if targets and not unknown:
        return
    if not layers:
        raise InputError(
            f"base model {base} has no torch.nn.Linear, which 4 bits and adapters need (GPT-2 and its kin have"
            " transformers' Conv1D instead): take another base"
        )
    given = ", ".join(unknown) or "(none given)"
    names = ", ".join(sorted({layer.rpartition(".")[2] for layer in layers})) or "none"
    is_like_llama = all(any(names_layer(name, layer) for layer in layers) for name in LLAMA_TARGETS)
    remedy = f"; --config {_LLAMA_CONFIG} behind the other configurations names them" if is_like_llama else ""
    raise InputError(f"model.lora.targets {given}: no such linear layer in base model {base}; it has {names}{remedy}")
