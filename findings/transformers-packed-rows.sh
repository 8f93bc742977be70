#!/usr/bin/env bash
# transformers: two samples packed into one row, told apart by position_ids that begin again at 0.
#
# One would guess: a decoder that takes position_ids keeps packed samples apart when there is no attention mask and no
# cache. Its mask functions look for such borders (find_packed_sequence_indices in masking_utils.py), so a Llama gives
# the second sample exactly the hidden states it has after any other first sample.
#
# What happens: it depends on the family, and nothing says so. Falcon, OPT and gpt-oss take position_ids too, and do not
# hand them to the function that makes their mask; LFM2 masks its attention, and its convolution runs on across the
# border. In all four the second sample's states change with the tokens of the first, without an error or a warning:
# losses of packed rows are those of another text than was meant. A test of two rows that differ in the first sample
# alone shows it; the random weights must be large, or attention is nearly uniform and the change looks like rounding.
#
# Seen with transformers 5.23.0 and torch 2.13.0, sdpa attention (gpt-oss has eager alone), Python 3.11, Linux,
# 2026-11-28.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/packed.py" <<'PYTHON'
import torch
from transformers import AutoConfig, AutoModelForCausalLM

SIZES = {"vocab_size": 64, "num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4}
NARROW = {"intermediate_size": 32, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0}
FAMILIES = {
    "llama": NARROW,
    "falcon": {},
    "opt": {"word_embed_proj_dim": 32, "ffn_dim": 32},
    "gpt_oss": NARROW | {"head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
    "lfm2": NARROW | {"layer_types": ["conv", "full_attention"]},
}
position_ids = torch.tensor([[0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]])
second = [10, 11, 12, 13, 14, 15]
for family, settings in FAMILIES.items():
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **SIZES, **settings)).eval()
    states = []
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=parameter.shape[-1] ** -0.5)
        for first in ([1, 2, 3, 4, 5], [21, 22, 23, 24, 25]):
            row = torch.tensor([first + second])
            output = model.get_decoder()(input_ids=row, position_ids=position_ids, use_cache=False)
            states.append(output.last_hidden_state[0, 5:])
    change = (states[0] - states[1]).abs().max() / states[0].abs().max()
    print(family, "apart" if change == 0 else "changed" if change > 0.01 else "rounded")
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 2>/dev/null
seen=$(cd "$folder" && env -u PYTHONPATH timeout 300 "$folder/venv/bin/python" packed.py 2>"$folder/warnings" | tr '\n' ' ')
echo "transformers 5.23.0: $seen"
echo "warnings about packing, positions or masks: $(grep -ciE 'pack|position|mask' "$folder/warnings" || true)"
[[ $seen == "llama apart falcon changed opt changed gpt_oss changed lfm2 changed " ]]
! grep -qiE 'pack|position|mask' "$folder/warnings"
