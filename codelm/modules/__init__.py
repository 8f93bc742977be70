"""Language models, as Lightning modules that train on packed rows."""

from codelm.modules.adapters import LoRA
from codelm.modules.causal_lm import CausalLM
from codelm.modules.lora_causal_lm import LoRACausalLM

__all__ = ["CausalLM", "LoRA", "LoRACausalLM"]
