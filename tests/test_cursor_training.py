"""A short training of the bundled base, and what it does to the text behind a cursor."""

import json
from itertools import product
from random import Random

import pytest

from codelm.cli import main
from tests.cli.short_runs import filled

SHORT = """
model: {base: tiny, quantization: none, lora: {r: 16, alpha: 32, dropout: 0.0}, learning_rate: 4e-3,
  gradient_checkpointing: false}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 256, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 1, max_steps: 30, accumulate_grad_batches: 1,
  limit_val_batches: 2}
behavior: {prompts: []}
evaluation: {limit: 6, minutes: 5}
"""
NOUNS = ("ledger", "quota", "tariff", "voucher", "margin", "docket")
VERBS = ("settle", "audit", "reverse", "charge", "freeze", "renew", "split", "merge")
FUNCTION = """
/// {Verb}s the {noun} that an account holds, or says why it cannot be.
pub fn {verb}_{noun}(registry: &mut Registry, account: AccountId) -> Outcome<{Noun}> {{
    let {noun} = registry.{noun}_mut(account).ok_or(Refusal::Unknown(account))?;
    {noun}.ensure_open()?;
    {noun}.{verb}(registry.clock().now());
    Ok({noun}.snapshot())
}}
"""

pytestmark = pytest.mark.usefixtures("few_texts")


@pytest.fixture
def accounts(make_repository):
    """A history of one idiom: each commit adds a function that is new, in words that others have."""
    pairs = Random(0).sample(list(product(VERBS, NOUNS)), 40)
    texts = [FUNCTION.format(verb=verb, Verb=verb.title(), noun=noun, Noun=noun.title()) for verb, noun in pairs]
    return make_repository([{f"src/{number}.rs": text} for number, text in enumerate(texts)])


def test_thirty_steps_make_what_stands_behind_a_cursor_no_harder(accounts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.yaml").write_text(filled(SHORT, REPOSITORY=accounts, CACHE=tmp_path / "cache"))
    assert main(["fit", "--config", str(tmp_path / "short.yaml"), "--name=cursor", "--quiet"]) == 0
    told = json.loads((tmp_path / "runs/cursor/version_0/MANIFEST.json").read_text())["evaluation"]["cursor"]
    for shape in ("rest_of_line", "inside_line"):
        assert told[shape]["tuned"]["bits_per_byte"] <= told[shape]["base"]["bits_per_byte"]
        assert told[shape]["tasks"] >= 4
