#!/usr/bin/env bash
# transformers and tokenizers: what a call's `truncation` and `padding` leave behind in a saved tokenizer.
#
# One would guess: they are options of one call. `save_pretrained` writes the tokenizer that was loaded, and whoever
# reads its `tokenizer.json` gets all tokens of a text.
#
# What happens: the call sets them in the backend, where they stay, and `save_pretrained` writes them into the file.
# transformers resets them at each call of its own, so that nothing shows there. Whoever reads the file with the package
# tokenizers (or asks `backend_tokenizer`, even without saving) gets each text cut to the length of that last call, or
# filled up to it, without a warning: a trainer that cut its texts at 8 tokens leaves a tokenizer that cuts at 8. Reading
# the saved folder with transformers and saving it again keeps it so.
#
# Seen with transformers 5.23.0 and tokenizers 0.23.3, Python 3.11, Linux, 2026-11-30.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/truncation.py" <<'PYTHON'
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

words = ["<pad>", *(f"w{number}" for number in range(20))]
backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<pad>"))
backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>")
LONG, SHORT = " ".join(words[1:]), "w1 w2"


def counts(folder):
    """Print the tokens that transformers and tokenizers find in a long and in a short text."""
    by_transformers, by_tokenizers = AutoTokenizer.from_pretrained(folder), Tokenizer.from_file(f"{folder}/tokenizer.json")
    found = [len(by_transformers(text).input_ids) for text in (LONG, SHORT)]
    print(folder, *found, *(len(by_tokenizers.encode(text).ids) for text in (LONG, SHORT)))


tokenizer.save_pretrained("before")
counts("before")
tokenizer([LONG, SHORT], truncation=True, max_length=8, padding="max_length")
print("backend", len(tokenizer.backend_tokenizer.encode(LONG).ids))
tokenizer.save_pretrained("after")
counts("after")
AutoTokenizer.from_pretrained("after").save_pretrained("again")
counts("again")
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3 2>/dev/null
seen=$(cd "$folder" && env -u PYTHONPATH "$folder/venv/bin/python" truncation.py 2>"$folder/warnings" | tr '\n' ';')
echo "transformers 5.23.0, tokens of a long and a short text by transformers, and by tokenizers: $seen"
expected="before 20 2 20 2;backend 8;after 20 2 8 8;again 20 2 8 8;"
[[ $seen == "$expected" ]] || { echo "expected: $expected" >&2; cat "$folder/warnings" >&2; exit 1; }
