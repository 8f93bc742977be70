"""Each example runs, and does what it says."""

import re

import pytest

from codelm.inference.place import Place
from codelm.inference.tuned_model import load_tuned
from codelm.modules.generation import Sampling
from codelm.saved_run import SavedRun
from tests.examples.conftest import EXAMPLES

BEFORE, AFTER = "fn largest(values: &[u64]) -> u64 {\n", "    largest\n}\n"
GREEDY = Sampling(32, temperature=0.0, top_p=1.0, batch_size=2)


@pytest.fixture
def model(run, roomy_base):
    return load_tuned(SavedRun(run), str(roomy_base))


def test_a_module_of_somebody_else_learns_from_the_rows(example, roomy_base, rust_repository):
    said = example("own_module.py", rust_repository, "--base", roomy_base, "--steps", 30)
    before, after = map(float, re.search(r"held-out loss (\S+) -> (\S+) nats", said).groups())
    assert after < 0.98 * before


def test_a_bare_loop_learns_from_the_rows(example, roomy_base, rust_repository):
    said = example("bare_loop.py", rust_repository, "--base", roomy_base, "--steps", 30).splitlines()
    losses = [float(line.split()[3]) for line in said]
    assert len(losses) == 30
    assert sum(losses[-5:]) < 0.98 * sum(losses[:5])


def test_plain_transformers_and_peft_write_what_codelm_writes(example, run, model, roomy_base):
    left, gap = model.write([Place("src/lib.rs", BEFORE), Place("src/lib.rs", BEFORE, AFTER)], GREEDY)
    assert left.text != gap.text
    said = example("adapter_in_peft.py", run, "--base", roomy_base)
    assert f"continued:\n\n{BEFORE}{left.text}" in said
    assert f"filled in:\n\n{BEFORE}{gap.text}{AFTER}" in said


def test_openai_s_package_is_answered_what_codelm_writes(example, model):
    from codelm.serving.tuned_engine import TunedEngine
    from tests.serving.conftest import servers

    [gap] = model.write([Place("src/lib.rs", BEFORE, AFTER)], GREEDY)
    with servers() as begin:
        server = begin(TunedEngine(model, 512))
        said = example("ask_server.py", f"http://127.0.0.1:{server.port}/v1")
    assert said.count(f"\n\n{BEFORE}{gap.text}{AFTER}") == 2


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_says_how_it_is_run(path):
    text = path.read_text("utf-8")
    assert f"examples/{path.name}" in text.split('"""')[1]
    assert len(text.splitlines()) <= 100
