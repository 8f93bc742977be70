"""The card of a dataset: what is in it, how it was split and made, and how trainers read it."""

from collections.abc import Mapping
from typing import Any

from codelm.bases import BUNDLED
from codelm.export.dataset.columns import Columns
from codelm.export.plain_text import plain

__all__ = ["dataset_card"]

_LOAD = """```python
from datasets import load_dataset

rows = load_dataset("FOLDER")  # this folder; an empty test split has no file
```"""
_TRL = """```python
{imports}from trl import SFTConfig, SFTTrainer

SFTTrainer(
    {model},
    args=SFTConfig(max_length={length}),
    train_dataset=rows["train"],
    eval_dataset=rows["validation"],
).train()
```"""
_ROWS = {
    Columns.TOKENS: "A row is a sample: `input_ids`, `attention_mask` and `labels`, which are not shifted, -100 where"
    " nothing is learned. `facts/` has for each row, in the same order, what it is, and the loss weight of each token"
    " (`token_weights`): training weighs unchanged lines {context_weight:g}, validation and test do not weigh them.",
    Columns.PROMPT_COMPLETION: "A row is a run of lines that a commit added, or a file, as the `completion`, behind"
    " what its sample shows before it, as the `prompt`. A sample with several runs is several rows, with its number"
    " (`sample`). Special tokens stand in the text by their names.",
    Columns.TEXT: "A row is a sample, as `text`, with special tokens by their names.",
}
_USE = {
    Columns.TOKENS: "TRL (`pip install trl`), and what else takes labels as they are:\n\n"
    + _TRL
    + """

axolotl:

```yaml
datasets:
  - {{path: FOLDER/train.{format}, ds_type: {type}, type: }}
test_datasets:
  - {{path: FOLDER/validation.{format}, ds_type: {type}, split: train, type: }}
sequence_len: {length}
```

LLaMA-Factory takes tokens as a saved dataset, `tokenized_path: TOKENS` with `stage: sft`:

```python
rows.save_to_disk("TOKENS")
```""",
    Columns.PROMPT_COMPLETION: "TRL (`pip install trl`) learns completions alone:\n\n"
    + _TRL
    + """

LLaMA-Factory, with `template: empty` and `stage: sft`, by this entry of `dataset_info.json`:

```json
{{"{name}": {{"file_name": "FOLDER/train.{format}", "columns": {{"prompt": "prompt", "response": "completion"}}}}}}
```

TRL and others append an end of text to each completion without one, also to lines within a file.""",
    Columns.TEXT: """TRL (`pip install trl`) takes it as it is; axolotl:

```yaml
datasets:
  - {{path: FOLDER/train.{format}, ds_type: {type}, type: completion, field: text}}
sequence_len: {length}
```

LLaMA-Factory, with `stage: pt`, by this entry of `dataset_info.json`:

```json
{{"{name}": {{"file_name": "FOLDER/train.{format}", "columns": {{"prompt": "text"}}}}}}
```

Headings, paths and what is shown around a change are learned, too, and held-out losses are over all of it.""",
}


def dataset_card(record: Mapping[str, Any]) -> str:
    """Return the text of ``README.md``; ``record`` is what ``dataset.json`` holds."""
    record = {**record, **plain({name: record[name] for name in ("name", "tokenizer", "repositories")})}
    columns = Columns(record["columns"])
    settings, base = record["settings"], record["tokenizer"]["base"]
    values = {"base": base, "length": settings["sequence_length"], "name": record["name"], "format": record["format"]}
    bundled = base in BUNDLED  # which no hub has
    values |= {"imports": "from codelm.bases import locate\n" * bundled, "model": f'"{base}"'}
    if bundled:
        values["model"] = f"locate({values['model']})"
    values["type"] = "json" if record["format"] == "jsonl" else record["format"]
    parts = [
        _front_matter(record),
        f"# {record['name']}: the samples that codelm learns from its git history",
        _ROWS[columns].format(context_weight=settings["context_weight"]),
        _splits(record),
        "Of each row: `sample` (its number), `split`, `kind` (`file`; `change`, left to right; `fim`, to be filled in),"
        " `repository`, `commit` (of a file, that at which training ends), `path`, `language` and `weight`: how often"
        " codelm draws it in training, relative to the others.",
        _left_out(record),
        "## How it was made",
        _made_of(record),
        "Training is the files as they stood at the cut, and the changes before it; no held-out commit is an ancestor"
        " of one to learn, and held-out hunks that are near copies of training are left out. Values that look like"
        " credentials are replaced by `REDACTED`, hunks that add one are left out; no filter finds all.",
        f"```\n{record['dropped']}\n```" if record["dropped"] else "",
        "## Use",
        _LOAD,
        _USE[columns].format(**values),
        "## Licence",
        "That of the repository, which is not known here: look there before you pass this on. The text is what its"
        " authors wrote.",
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _front_matter(record: Mapping[str, Any]) -> str:
    """Return the lines that ``datasets`` and the hub read."""
    files = [
        f"      - {{split: {name}, path: {name}.{record['format']}}}"
        for name, counts in record["splits"].items()
        if counts["rows"]
    ]
    head = ["license: unknown", "tags: [code, codelm]", "configs:", "  - config_name: default", "    data_files:"]
    return "\n".join(["---", *head, *files, "---"])


def _splits(record: Mapping[str, Any]) -> str:
    rows = [
        f"| {name} | {each['rows']:,} | {each['samples']:,} | {each['tokens']:,} | {each['targets']:,} |"
        for name, each in record["splits"].items()
    ]
    return "\n".join(["| split | rows | samples | their tokens | of lines added |", "|---|---|---|---|---|", *rows])


def _left_out(record: Mapping[str, Any]) -> str:
    """Return what text cannot say that tokens can."""
    splits = record["splits"].values()
    left_out, open_ended = (sum(each[name] for each in splits) for name in ("left_out", "open_ended"))
    notes = []
    if left_out:
        notes.append(f"{left_out:,} samples whose text spells a special token are left out: it would be read as one.")
    if open_ended:
        notes.append(f"{open_ended:,} rows end where their text does not.")
    return " ".join(notes)


def _made_of(record: Mapping[str, Any]) -> str:
    tokenizer, settings = record["tokenizer"], record["settings"]
    revision = f", revision {tokenizer['revision']}" if tokenizer["revision"] else ""
    rows = {
        **{each["name"]: _history(each) for each in record["repositories"]},
        "held out": f"{settings['held_out']:g} of the commits, the newest: the older half validates, the newer tests",
        "tokens of a sample": f"{settings['sequence_length']:,} at most",
        "tokenizer": f"`{tokenizer['base']}`{revision}, sha256 {tokenizer['sha256']}",
        "format": tokenizer["format"]["name"],
        "seed": settings["seed"],
        "made by": f"codelm {record['codelm']}; all settings and sums are in `dataset.json`",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _history(repository: Mapping[str, Any]) -> str:
    split = repository["split"]
    commits = ", ".join(f"{split[name]:,} to {name}" for name in ("train", "validation", "test"))
    cuts = f"training ends at {split['cut']}, validation at {split['second_cut']}"
    return f"read at {repository['tip']}; {cuts}; commits: {commits}"
