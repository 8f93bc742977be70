"""The model card of an export: what it is, what it is made of, how good it is, how it is used."""

from collections.abc import Mapping
from typing import Any

from codelm.export.plain_text import plain
from codelm.metrics.likelihood import main_comparison, main_kind

__all__ = ["card"]

_LIBRARY = {"merged": "transformers", "adapter": "peft", "gguf": "gguf", "gguf-adapter": "gguf"}
_KIND = {
    "merged": "the base with the adapter merged into its weights, for transformers and what reads its folders",
    "adapter": "the adapter alone, for PEFT",
    "gguf": "the base with the adapter merged into its weights, as one GGUF file for llama.cpp and Ollama",
    "gguf-adapter": "the adapter alone, as a GGUF file for llama.cpp and Ollama",
}
_MERGED = {
    "16-bit": "The adapter was trained on the base in 4 bits and is merged into the base in 16 bits: that is another"
    " model than was trained, a little better or worse by the figures below.",
    "exact": "The base's weights went through 4 bits before the adapter was merged: this is what was trained.",
}
_USE = {
    "merged": """```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model, tokenizer = (auto.from_pretrained(".") for auto in (AutoModelForCausalLM, AutoTokenizer))
```""",
    "adapter": """```python
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), ".")
tokenizer = AutoTokenizer.from_pretrained(".")
```""",
    "gguf": """```
llama-server -m {model} -c {context}
ollama create {name} -f Modelfile
```""",
    "gguf-adapter": """```
llama-server -m {model} --lora {adapter} -c {context}
ollama create {name} -f Modelfile
```""",
}


def card(record: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> str:
    """Return the text of ``README.md``; the run that the record tells of may be a stranger's.

    Args:
        record: What ``export.json`` holds; see `codelm.export.record`.
        evaluation: The evaluation in the run's manifest.
    """
    record = {**record, **plain({name: record[name] for name in ("name", "run", "base", "repositories", "use")})}
    parts = [
        _front_matter(record),
        f"# {record['name']}\n",
        f"A code model tuned on one repository's git history by codelm: {_KIND[record['format']]}.",
        _MERGED.get(record["merge"], "") if record["base"]["quantization"] != "none" else "",
        _made_of(record),
        "## Figures\n\nBits per byte of lines that held-out commits added; lower is better.",
        _held_out(record),
        _evaluated(evaluation),
        "## Use\n",
        _USE[record["format"]].format(base=record["base"]["name"], name=record["name"], **record["use"]),
        _base_apart(record),
        _prompts(record),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _front_matter(record: Mapping[str, Any]) -> str:
    """Return the lines that the model hub reads."""
    licence = record["base"]["license"]
    lines = [f"base_model: {record['base']['name']}", f"library_name: {_LIBRARY[record['format']]}"]
    lines += [f"license: {licence}"] if licence else []
    return "\n".join(["---", *lines, "tags: [code, codelm, lora]", "---"])


def _made_of(record: Mapping[str, Any]) -> str:
    base, run = record["base"], record["run"]
    learned = ", ".join(f"{each['name']} at {each['tip']}" for each in record["repositories"])
    adapters = [f"`{name}` {digest}" for name, digest in run["adapter_sha256"].items()]
    rows = {
        "base": f"`{base['name']}`" + (f", revision {base['revision']}" if base["revision"] else ""),
        "its files, sha256": f"config {base['config_sha256']}, weights {base['weights_sha256']}",
        "its licence": base["license"] or "not stated in its files: look where the base comes from",
        "learned from": learned or "not known",
        "run": f"{run['label']} ({run['status']})",
        "its manifest, sha256": run["manifest_sha256"],
        "its adapter, sha256": ", ".join(adapters),
        "weights": record["type"] or "as the run saved them",
        "made by": f"codelm {record['codelm']}",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _held_out(record: Mapping[str, Any]) -> str:
    measured = record["held_out"]
    if measured is None:
        return f"Before and after the export: not measured, {record['not_measured']}."
    same = " (the files are the same)" if record["format"] == "adapter" else ""
    return (
        f"Before the export (what was trained) {measured['before']:.4f}, after it (read back) {measured['after']:.4f}"
        f"{same}: {measured['change_percent']:+.2f} %, over {measured['commits']} commits, {measured['bytes']:,} bytes."
    )


def _evaluated(evaluation: Mapping[str, Any] | None) -> str:
    """Return what the run's own evaluation found, on more of the same commits."""
    likelihood = (evaluation or {}).get("likelihood")
    found = main_comparison(likelihood) if likelihood else None
    if likelihood is None or found is None:
        return "The run has no evaluation."
    interval = found["interval"]
    spread = f", 95 % interval {interval[0]:.1f} to {interval[1]:.1f}" if interval else ""
    return (
        f"By the run's own evaluation, on {main_kind(likelihood)} lines of {found['commits']} commits: base"
        f" {found['base']:.4f}, tuned {found['tuned']:.4f} ({found['change_percent']:+.1f} %{spread})."
    )


def _base_apart(record: Mapping[str, Any]) -> str:
    """Return where the GGUF file of the base comes from that the adapter needs and the export has not."""
    model = record["use"].get("model")
    if model is None or model in record["files"]:
        return ""
    return f"`{model}` is the base in GGUF; `codelm export --format gguf-adapter --with_base` writes it."


def _prompts(record: Mapping[str, Any]) -> str:
    infill = record["prompt_format"]["infill"]
    if not infill:
        return "It continues text; it was not trained to fill in the middle of one."
    written = "".join(infill).replace("\n", "⏎")
    return (
        f"To fill in the middle of a file, prompt with `{written}` (⏎ is a line end); it writes what belongs between."
    )
