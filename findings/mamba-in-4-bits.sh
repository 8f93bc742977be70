#!/usr/bin/env bash
# transformers with bitsandbytes: a Mamba model loaded in 4 bits.
#
# One would guess: a model that loads with a BitsAndBytesConfig computes, in lower precision; or loading says which of
# its layers cannot be in 4 bits. The quantizer leaves the head out by itself, and so it might leave out such layers.
#
# What happens: all linear layers of the blocks are packed, loading says nothing, and the first forward pass of Mamba
# ends in a RuntimeError about sizes. Its mixer does not call the layer dt_proj, but multiplies by dt_proj.weight, which
# is packed into one column by then. Mamba-2 and FalconMamba, of the same authors and of the same name, compute. With
# dt_proj named in llm_int8_skip_modules, Mamba computes too.
#
# Seen with transformers 5.23.0, bitsandbytes 0.50.2 and torch 2.13.0 on a CPU, Python 3.11, Linux, 2026-11-28.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/four_bits.py" <<'PYTHON'
import torch
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

SIZES = {"vocab_size": 64, "num_hidden_layers": 2, "hidden_size": 64}
CASES = {
    "mamba": ("mamba", {"state_size": 16}, None),
    "mamba-skipping": ("mamba", {"state_size": 16}, ["lm_head", "dt_proj"]),
    "mamba2": ("mamba2", {"state_size": 16, "num_heads": 4, "head_dim": 32, "n_groups": 1}, None),
    "falcon_mamba": ("falcon_mamba", {"state_size": 16}, None),
}
for name, (family, settings, skipped) in CASES.items():
    torch.manual_seed(0)
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SIZES, **settings, **ids)).save_pretrained(name)
    packed = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", llm_int8_skip_modules=skipped)
    model = AutoModelForCausalLM.from_pretrained(name, quantization_config=packed, device_map={"": "cpu"})
    model.train()  # in eval mode bitsandbytes packs the weights once more for the CPU, where sizes so small do not fit
    try:
        with torch.no_grad():
            model(input_ids=torch.arange(1, 9)[None], use_cache=False)
        print(name, "computes")
    except RuntimeError as error:
        print(name, "RuntimeError", "of sizes" if "Expected size" in str(error) else "of another kind")
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  torch==2.13.0 transformers==5.23.0 bitsandbytes==0.50.2 accelerate==1.15.0 2>/dev/null
cd "$folder"
seen=$(env -u PYTHONPATH timeout 300 venv/bin/python four_bits.py 2>warnings | tr '\n' ';')
echo "transformers 5.23.0, bitsandbytes 0.50.2: $seen"
[[ $seen == "mamba RuntimeError of sizes;mamba-skipping computes;mamba2 computes;falcon_mamba computes;" ]]
