"""A short training of the bundled base, and what it does to the text behind a cursor."""

from itertools import product
from pathlib import Path
from random import Random

import pytest

from codelm.cli import main
from codelm.history.samples.cursor_spans import INSIDE_LINE, REST_OF_LINE
from experiments.ablation.measure import AdapterEvaluator
from experiments.ablation.settings import read_settings
from tests.cli.short_runs import filled

SHORT = """
model: {base: tiny, quantization: none, lora: {r: 16, alpha: 32, dropout: 0.0}, learning_rate: 4e-3,
  gradient_checkpointing: false}
data: {repo: REPOSITORY, cache: CACHE, sequence_length: 256, batch_size: 2, held_out: 0.3}
trainer: {accelerator: cpu, precision: 32-true, max_epochs: 1, max_steps: 30, accumulate_grad_batches: 1,
  limit_val_batches: 2}
behavior: {prompts: []}
evaluation: {enabled: false}
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


@pytest.fixture
def accounts(make_repository):
    """A history of one idiom: each commit adds a function that is new, in words that others have."""
    pairs = Random(0).sample(list(product(VERBS, NOUNS)), 40)
    texts = [FUNCTION.format(verb=verb, Verb=verb.title(), noun=noun, Noun=noun.title()) for verb, noun in pairs]
    return make_repository([{f"src/{number}.rs": text} for number, text in enumerate(texts)])


def test_thirty_steps_make_what_stands_behind_a_cursor_no_harder(accounts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Path("short.yaml")
    config.write_text(filled(SHORT, REPOSITORY=accounts, CACHE=tmp_path / "cache"))
    assert main(["fit", "--config", str(config), "--name=cursor", "--quiet"]) == 0
    evaluator = AdapterEvaluator(read_settings([config]), test_tokens=1)
    cursor = evaluator.evaluate(Path("runs/cursor/version_0/adapter")).cursor
    for shape in (REST_OF_LINE, INSIDE_LINE):
        nats = [(task.base, task.tuned) for task in cursor if task.form == shape]
        assert len(nats) >= 4
        assert sum(tuned for _, tuned in nats) <= sum(base for base, _ in nats)
