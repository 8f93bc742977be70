"""A run's adapter in plain Transformers and PEFT: code continued, and filled in as the run was trained to.

    .venv/bin/python examples/adapter_in_peft.py runs/ripgrep/version_0

Nothing of codelm is imported. The base is found by the name in the adapter's configuration; ``--base`` takes a folder:
that of the base which travels with codelm is ``codelm/bases/tiny``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

PATH, BEFORE, AFTER = "src/lib.rs", "fn largest(values: &[u64]) -> u64 {\n", "    largest\n}\n"


def load(run: Path, base: str | None, settings: dict[str, Any]) -> tuple[Any, Any]:
    """Return the model, its base in the precision that the run learned on, and the tokenizer."""
    adapter = str(run / "adapter")
    in_4_bits = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=settings["double_quantization"],
        bnb_4bit_compute_dtype=torch.float32,
    )
    model = AutoModelForCausalLM.from_pretrained(
        base or PeftConfig.from_pretrained(adapter).base_model_name_or_path,
        dtype=torch.float32,
        quantization_config=in_4_bits if settings["quantization"] == "nf4" else None,
    )
    return PeftModel.from_pretrained(model, adapter).eval(), AutoTokenizer.from_pretrained(adapter)


def complete(model: Any, tokenizer: Any, prompt: str, tokens: int = 32) -> str:
    """Return what the model writes behind a prompt, the likeliest token each time."""
    encoded = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").to(model.device)
    with torch.inference_mode():
        ids = model.generate(**encoded, max_new_tokens=tokens, do_sample=False, pad_token_id=tokenizer.eos_token_id)
    text: str = tokenizer.decode(ids[0, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
    return text


def main() -> None:
    """Continue the code before the gap, then fill the gap in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--base")
    given = parser.parse_args()

    manifest = json.loads((given.run / "MANIFEST.json").read_text(encoding="utf-8"))
    phases = manifest["phase_results"]
    slots = {"path": PATH, "before": BEFORE, "after": AFTER}
    slots["repository"] = phases["phase_1_scrape"]["repositories"][0]["name"]
    model, tokenizer = load(given.run, given.base, manifest["model"])

    # Special tokens and slots in the order that the run learned: families differ in it.
    read = phases["phase_2_tokenize"]["format"]
    heading = (read["begin"] or "") + "".join(read["heading"])
    continued = (heading + "{path}\n{before}" if read["heading"] else heading + "{before}").format(**slots)
    print(f"continued:\n\n{BEFORE}{complete(model, tokenizer, continued)}\n")
    if read["infill"]:
        gap = (heading + "".join(read["infill"])).format(**slots)
        print(f"filled in:\n\n{BEFORE}{complete(model, tokenizer, gap)}{AFTER}")


if __name__ == "__main__":
    main()
