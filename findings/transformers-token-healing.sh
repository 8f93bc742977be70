#!/usr/bin/env bash
# transformers: token healing (`token_healing=True` of generate) of a prompt that asks to fill in the middle.
#
# One would guess: the prompt's last token is taken off and written again, so that a word which the prompt broke off
# may become another token; whatever stands before it is what the model reads.
#
# What happens: the prompt is decoded without its special tokens, stripped of white space, and encoded anew. What asks
# for a hole is gone, so the model goes on behind the suffix as if it were the end of a file; the indentation that a
# cursor stands at is gone, too. The returned ids show it, and nothing warns. What is written in place of the last token
# is the likeliest extension of that token alone, so a word of which two tokens were typed is not healed.
#
# Seen with transformers 5.23.0 and torch 2.13.0, Python 3.11, Linux, 2026-11-28.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/healing.py" <<'PYTHON'
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

HOLE = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
bytes_of_text = Tokenizer(models.BPE())
bytes_of_text.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bytes_of_text.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=300,
    special_tokens=["<end>", "<begin>", *HOLE],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)
bytes_of_text.train_from_iterator(["fn main() { let response = request(); }"], trainer)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=bytes_of_text, bos_token="<begin>", eos_token="<end>", pad_token="<end>", extra_special_tokens=HOLE
)
torch.manual_seed(0)
settings = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
model = AutoModelForCausalLM.from_config(
    AutoConfig.for_model("llama", vocab_size=len(tokenizer), bos_token_id=1, eos_token_id=0, **settings)
).eval()

PROMPTS = {
    "hole": "<fim_prefix>fn main() {\n    let resp<fim_suffix>;\n}\n<fim_middle>",
    "indentation": "fn main() {\n        ",
}
for name, prompt in PROMPTS.items():
    given = tokenizer(prompt, return_tensors="pt").input_ids
    for healed in (False, True):
        mask = torch.ones_like(given)
        with torch.no_grad():
            written = model.generate(
                given, attention_mask=mask, max_new_tokens=4, do_sample=False, token_healing=healed, tokenizer=tokenizer
            )[0]
        shown = tokenizer.decode(written)
        kept = shown.startswith(prompt) if name == "indentation" else all(token in shown for token in HOLE)
        print(name, "healed" if healed else "plain", "kept" if kept else "lost")
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.23.0 2>/dev/null
seen=$(cd "$folder" && env -u PYTHONPATH timeout 300 "$folder/venv/bin/python" healing.py 2>"$folder/warnings" | tr '\n' ';')
echo "transformers 5.23.0: $seen"
echo "warnings about healing, special tokens or white space: $(grep -ciE 'heal|special|space' "$folder/warnings" || true)"
[[ $seen == "hole plain kept;hole healed lost;indentation plain kept;indentation healed lost;" ]]
! grep -qiE 'heal|special|space' "$folder/warnings"
