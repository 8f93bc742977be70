"""Choice of the precision: the narrowest type whose products the device computes natively."""

from collections.abc import Mapping
from typing import Any, Literal

import torch

from codelm.errors import InputError

__all__ = ["auto_precision", "compute_dtype"]

_COMPUTE_DTYPES = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16, "32-true": torch.float32}


def auto_precision(accelerator: str = "auto") -> Literal["bf16-mixed", "16-mixed", "32-true"]:
    """Return the fastest precision that this machine trains well in, by Lightning's name.

    GPUs before Ampere only emulate bfloat16, slowly: they use float16 with a gradient scaler.
    """
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"
    return "bf16-mixed" if _cpu_multiplies_bfloat16() else "32-true"


def compute_dtype(precision: str) -> torch.dtype:
    """Return the type of frozen weights and products under a precision; refuse one that narrows trained weights."""
    if precision not in _COMPUTE_DTYPES:
        offered = ", ".join(_COMPUTE_DTYPES)
        raise InputError(
            f"trainer.precision {precision} does not keep trained weights in float32: take one of {offered}"
        )
    return _COMPUTE_DTYPES[precision]


def _cpu_multiplies_bfloat16() -> bool:
    """Return whether the processor has instructions for bfloat16 products; False where torch does not report it.

    With them, a step of a model of 7 million parameters took 0.7 to 0.8 of its time in float32, on two cores.
    """
    capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))
